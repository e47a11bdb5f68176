"""The tracing plane on a real kernel: attaching, generations, crashes."""
