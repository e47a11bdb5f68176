/*
 * The program that `lockgate test` watches: it does the one thing that a trial is about.
 *
 *	WORKLOAD OPERATION OPERAND...
 *
 * It stands at the path that the trial names and uses no library, so that everything a
 * policy sees of it is the operation.  Descriptor 3 is memory shared with the driver: what
 * happens is written there, without a system call.  It stops itself before it begins, and
 * goes on when the driver looks.
 */

typedef unsigned char u8;
typedef unsigned long u64;

enum {
	SYS_read = 0,
	SYS_write = 1,
	SYS_close = 3,
	SYS_mmap = 9,
	SYS_getpid = 39,
	SYS_socket = 41,
	SYS_connect = 42,
	SYS_sendto = 44,
	SYS_bind = 49,
	SYS_listen = 50,
	SYS_execve = 59,
	SYS_exit = 60,
	SYS_kill = 62,
	SYS_setuid = 105,
	SYS_setgid = 106,
	SYS_mount = 165,
	SYS_openat = 257,
	SYS_mkdirat = 258,
	SYS_fchownat = 260,
	SYS_unlinkat = 263,
	SYS_renameat = 264,
	SYS_linkat = 265,
	SYS_symlinkat = 266,
	SYS_fchmodat = 268,
	SYS_unshare = 272,
	SYS_finit_module = 313,
};

enum {
	O_RDONLY = 0,
	O_WRONLY = 1,
	O_CREAT = 0100,
	O_EXCL = 0200,
	O_TRUNC = 01000,
	O_APPEND = 02000,
	AT_FDCWD = -100,
	AT_REMOVEDIR = 0x200,
	PROT_READ_WRITE = 3,
	MAP_SHARED = 1,
	SIGSTOP = 19,
	UNKNOWN = 255,
};

/* What the driver reads: see lockgate_runtime.trial.run. */
enum state {
	BEGUN = 1,
	DONE = 2,
};

struct report {
	volatile int state;
	volatile int error;
};

static long call(long number, long a, long b, long c, long d, long e, long f)
{
	register long four __asm__("r10") = d;
	register long five __asm__("r8") = e;
	register long six __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(four), "r"(five), "r"(six)
			 : "rcx", "r11", "memory");
	return result;
}

#define CALL(number, a, b, c, d) \
	call(number, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)

static int is_same(const char *one, const char *other)
{
	while (*one && *one == *other) {
		one++;
		other++;
	}
	return *one == *other;
}

static long number(const char *text)
{
	long found = 0;

	for (; *text >= '0' && *text <= '9'; text++)
		found = found * 10 + *text - '0';
	return found;
}

/* Digits of base 16 to bytes; returns how many. */
static long unhex(const char *text, u8 *bytes, long room)
{
	long count = 0;

	for (; text[0] && text[1] && count < room; text += 2) {
		u8 high = text[0] <= '9' ? text[0] - '0' : text[0] - 'a' + 10;
		u8 low = text[1] <= '9' ? text[1] - '0' : text[1] - 'a' + 10;

		bytes[count++] = high << 4 | low;
	}
	return count;
}

/* Open a file, and with a byte in `doing` read or write one. */
static long use(const char *path, long flags, char doing)
{
	long file = CALL(SYS_openat, AT_FDCWD, path, flags, 0644);
	long result = file;
	char byte = 'x';

	if (file < 0)
		return file;
	if (doing == 'r')
		result = CALL(SYS_read, file, &byte, 1, 0);
	else if (doing == 'w')
		result = CALL(SYS_write, file, &byte, 1, 0);
	CALL(SYS_close, file, 0, 0, 0);
	return result;
}

/* Operands: type of the socket, its address as the kernel has it in digits of base 16. */
static long use_socket(char **operands, long what)
{
	u8 address[28];
	long size = unhex(operands[1], address, sizeof(address));
	long one = CALL(SYS_socket, address[0], number(operands[0]), 0, 0);
	long result;

	if (one < 0)
		return one;
	if (what == SYS_sendto)
		return call(SYS_sendto, one, (long)"x", 1, 0, (long)address, size);
	result = CALL(what == SYS_listen ? SYS_bind : what, one, address, size, 0);
	if (what == SYS_listen && result == 0)
		result = CALL(SYS_listen, one, 1, 0, 0);
	return result;
}

static long load_module(const char *path)
{
	long file = CALL(SYS_openat, AT_FDCWD, path, O_RDONLY, 0);

	return file < 0 ? file : CALL(SYS_finit_module, file, "", 0, 0);
}

static long act(const char *what, char **to)
{
	char *nothing[] = { (char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", 0 };

	if (is_same(what, "exec"))
		return CALL(SYS_execve, to[0], to, nothing, 0);
	if (is_same(what, "open"))
		return use(to[0], O_RDONLY, 0);
	if (is_same(what, "read"))
		return use(to[0], O_RDONLY, 'r');
	if (is_same(what, "write"))
		return use(to[0], O_WRONLY | O_APPEND, 'w');
	if (is_same(what, "truncate"))
		return use(to[0], O_WRONLY | O_TRUNC, 0);
	if (is_same(what, "create"))
		return use(to[0], O_WRONLY | O_CREAT | O_EXCL, 0);
	if (is_same(what, "unlink"))
		return CALL(SYS_unlinkat, AT_FDCWD, to[0], 0, 0);
	if (is_same(what, "rename"))
		return CALL(SYS_renameat, AT_FDCWD, to[0], AT_FDCWD, to[1]);
	if (is_same(what, "link"))
		return CALL(SYS_linkat, AT_FDCWD, to[0], AT_FDCWD, to[1]);
	if (is_same(what, "symlink"))
		return CALL(SYS_symlinkat, to[0], AT_FDCWD, to[1], 0);
	if (is_same(what, "mkdir"))
		return CALL(SYS_mkdirat, AT_FDCWD, to[0], 0755, 0);
	if (is_same(what, "rmdir"))
		return CALL(SYS_unlinkat, AT_FDCWD, to[0], AT_REMOVEDIR, 0);
	if (is_same(what, "chmod"))
		return CALL(SYS_fchmodat, AT_FDCWD, to[0], 0777, 0);
	if (is_same(what, "chown"))
		return call(SYS_fchownat, AT_FDCWD, (long)to[0], 1, 1, 0, 0);
	if (is_same(what, "mount"))
		return call(SYS_mount, (long)"none", (long)to[0], (long)"tmpfs", 0, 0, 0);
	if (is_same(what, "connect"))
		return use_socket(to, SYS_connect);
	if (is_same(what, "send"))
		return use_socket(to, SYS_sendto);
	if (is_same(what, "bind"))
		return use_socket(to, SYS_bind);
	if (is_same(what, "listen"))
		return use_socket(to, SYS_listen);
	if (is_same(what, "setuid"))
		return CALL(SYS_setuid, number(to[0]), 0, 0, 0);
	if (is_same(what, "setgid"))
		return CALL(SYS_setgid, number(to[0]), 0, 0, 0);
	if (is_same(what, "unshare"))
		return CALL(SYS_unshare, number(to[0]), 0, 0, 0);
	if (is_same(what, "load-module"))
		return load_module(to[0]);
	return -UNKNOWN;
}

/* `stack` is what the kernel left there: count of arguments, then the arguments. */
__attribute__((noreturn, used)) static void begin(long *stack)
{
	struct report *report;
	char **arguments = (char **)(stack + 1);
	long result;

	/* Somebody else executed it, in place of a program that is not here: it succeeds. */
	report = (void *)call(SYS_mmap, 0, sizeof(*report), PROT_READ_WRITE, MAP_SHARED, 3, 0);
	if (stack[0] >= 2 && (u64)report < -4095UL) {
		CALL(SYS_close, 3, 0, 0, 0);
		CALL(SYS_kill, CALL(SYS_getpid, 0, 0, 0, 0), SIGSTOP, 0, 0);
		report->state = BEGUN;
		result = act(arguments[1], arguments + 2);
		report->error = result < 0 ? -result : 0;
		report->state = DONE;
	}
	CALL(SYS_exit, 0, 0, 0, 0);
	__builtin_unreachable();
}

__attribute__((naked, noreturn, used)) void _start(void)
{
	__asm__("mov %rsp, %rdi\n\t"
		"and $-16, %rsp\n\t"
		"call begin");
}
