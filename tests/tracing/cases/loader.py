"""Files that are mapped to be executed."""

from __future__ import annotations

from tests.tracing.cases.case import Case


class LoaderCase(Case):
    """One row of a policy that has no hooks but this one."""

    __slots__ = ()

    @property
    def policy(self) -> str:
        """The policy, as YAML."""
        head = "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\n"
        return f"{head}metadata: {{name: {self.name}}}\nspec: {{loader: true}}\n"


LOADER = (
    LoaderCase(
        "loader",
        "",
        "",
        "map_file('/lg/one/mapped', 5)",
        "map_file('/lg/one/mapped', 1); map_file('', 7)",
        many=1,
        shows="/lg/one/mapped",
    ),
)
