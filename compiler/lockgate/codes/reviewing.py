"""E6500-E6549: what keeps ``diff`` and ``golden`` from judging."""

from __future__ import annotations

from lockgate.codes.explanation import Explanation

EXPLANATIONS = (
    Explanation(
        "E6500",
        "nothing-to-compare",
        "an argument of diff is no path, no bundle and no revision",
        "`lockgate diff` compares files, folders, bundles and Git revisions.  A word that "
        "is no path is taken for a revision, and Git does not know it as one; or the "
        "number of words does not make two sides.",
        "Write `lockgate diff OLD NEW`, where each is a path, a bundle, REV:PATH or git:REV, "
        "or `lockgate diff A..B -f PATH`.",
    ),
    Explanation(
        "E6501",
        "git-refused",
        "Git could not give the files of a revision",
        "Revisions are read from the repository of the current folder, without touching "
        "its work tree.  Git is not installed, the folder is in no repository, the clone "
        "is shallow or partial and lacks the revision or its files, or the repository "
        "belongs to somebody else.",
        "In continuous integration fetch the history that is compared (for GitHub's "
        "checkout action `fetch-depth: 0`, for GitLab `GIT_DEPTH: 0`, else `git fetch "
        "--unshallow`); trust a repository of another owner with "
        "`git config --global --add safe.directory PATH`.",
    ),
    Explanation(
        "E6502",
        "nobody-is-judged",
        "there is nobody whom the policies could judge",
        "Reachability is between pods and nodes, and neither side has any.  Two sets "
        "of policies that judge nobody would always be called identical.",
        "Name a snapshot with -f: `kubectl get ns,pods,nodes,svc,endpointslices -A -o yaml`.",
    ),
    Explanation(
        "E6503",
        "path-not-in-revision",
        "a revision does not have the path",
        "REV:PATH counts from the root of the repository, as in git; REV:./PATH from the "
        "current folder (in a bare repository from the root, too).  It is a file, or a folder "
        "with files of policies.  A path that is a symbolic link in the revision is not followed.",
        "`git ls-tree -r --name-only REV` lists what is there.",
    ),
    Explanation(
        "E6510",
        "golden-without-inputs",
        "the folder says nothing of which policies its golden files are",
        "A folder of golden files holds .lockgate-golden.yaml, which names the inputs, or "
        "the inputs themselves (*.yaml, *.yml, *.gate).  This one has neither.",
        "Write .lockgate-golden.yaml into it, with paths relative to the folder; in "
        "policies/golden:\n\n"
        "    inputs: [.., ../../cluster.yaml]",
    ),
    Explanation(
        "E6511",
        "golden-differs",
        "golden files are not what the policies come to",
        "The policies, the snapshot or Lockgate itself changed since the files were "
        "written, or somebody edited them.",
        "Look at the difference; if it is what was meant, run `lockgate golden update DIR` "
        "and commit the files with the change.",
    ),
)
