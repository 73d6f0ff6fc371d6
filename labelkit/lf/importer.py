"""Imports a project's own code fresh, from source, under control.

Every discovery sees the files as they are now: modules of an earlier discovery are forgotten,
bytecode is neither read nor written (an edit that keeps size and modification time would be missed,
and a user's project is not littered), and one file is one module however it is imported.
"""

from __future__ import annotations

import hashlib
import importlib
import linecache
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import decode_source, module_from_spec
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final

from labelkit.lf.project_code import ProjectCode

_LOCK: Final = threading.RLock()
_ENABLED: ContextVar[bool] = ContextVar("labelkit_project_imports", default=False)


class ProjectFinder(MetaPathFinder):
    """Finds modules in one project's folder, while its code is imported or run in this thread.

    An installed package wins over a bare folder of the same name, as everywhere in Python; a module
    or package of the project wins over an installed one; the standard library and labelkit win always.
    """

    def __init__(self, code: ProjectCode) -> None:
        self.code = code
        self.modules: dict[str, ModuleType] = {}
        self.names: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a project module, or None where the usual finders should look."""
        top = fullname.partition(".")[0]
        if not _ENABLED.get() or top in sys.stdlib_module_names or top == "labelkit":
            return None
        spec = PathFinder.find_spec(fullname, [str(self.code.root)] if path is None else path)
        if spec is None:
            return None
        if spec.loader is None:  # a folder without __init__.py
            installed = PathFinder.find_spec(fullname) if path is None else None
            if path is not None or (installed is not None and installed.loader is not None):
                return None
            self.names.add(fullname)
            return spec
        if not isinstance(spec.loader, SourceFileLoader) or not self.code.owns(spec.origin):
            return None
        spec.loader = FreshLoader(fullname, str(spec.origin), self)
        spec.cached = None
        self.names.add(fullname)
        return spec

    def forget(self) -> None:
        """Remove from ``sys.modules`` what this finder has put there."""
        for name in self.names:
            sys.modules.pop(name, None)
        self.names.clear()
        self.modules.clear()

    def load(self, file: Path) -> ModuleType:
        """The module of a file: the one that another file has imported, or a new one."""
        key = str(file)
        if key in self.modules:
            return self.modules[key]
        folder = file.parent.relative_to(self.code.root)
        name = f"_labelkit_{hashlib.sha256(key.encode()).hexdigest()[:12]}_{file.stem}"
        spec = _FileSpec(name, FreshLoader(name, key, self), origin=key)
        spec.package = ".".join(folder.parts)
        spec.has_location = True
        module = module_from_spec(spec)
        sys.modules[name] = module
        self.names.add(name)
        try:
            spec.loader.exec_module(module)  # type: ignore[union-attr]
        except BaseException:
            sys.modules.pop(name, None)
            raise
        return module


class _FileSpec(ModuleSpec):
    """A module with a name of its own that still knows its folder, so that relative imports work."""

    package: str = ""

    @property
    def parent(self) -> str:
        return self.package


class FreshLoader(SourceFileLoader):
    """Compiles from source each time; executes a file once per discovery."""

    def __init__(self, fullname: str, path: str, finder: ProjectFinder) -> None:
        super().__init__(fullname, path)
        self._finder = finder

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """The module of this file if it is loaded, or being loaded, under another name."""
        return self._finder.modules.get(self.path)

    def get_code(self, fullname: str) -> CodeType:
        """The code of the file as it is on disk now."""
        data = self.get_data(self.path)
        code: CodeType = compile(data, self.path, "exec", dont_inherit=True)
        # No modification time: linecache and inspect then show the source as it was executed.
        text = decode_source(data)
        linecache.cache[self.path] = (len(text), None, text.splitlines(keepends=True), self.path)
        return code

    def exec_module(self, module: ModuleType) -> None:
        """Run the file, unless that has been done under another name."""
        if self.path in self._finder.modules:
            return
        self._finder.modules[self.path] = module
        try:
            super().exec_module(module)
        except BaseException:
            del self._finder.modules[self.path]
            raise


_current: ProjectFinder | None = None


@contextmanager
def fresh_imports(code: ProjectCode) -> Iterator[ProjectFinder]:
    """Import project code anew in this block; afterwards it stays importable for its functions.

    Modules of the project that the host program has imported by itself (a notebook's helpers, a test
    suite's) are set aside meanwhile and put back.
    """
    global _current  # noqa: PLW0603 (the interpreter has one module table, so there is one finder)
    with _LOCK:
        if _current is not None:
            _current.forget()
            sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not _current]
        finder = _current = ProjectFinder(code)
        sys.meta_path.insert(0, finder)
        importlib.invalidate_caches()
        aside = _set_aside(code)
        token = _ENABLED.set(True)
        try:
            yield finder
        finally:
            _ENABLED.reset(token)
            _put_back(aside, finder)


def imported_files() -> list[str]:
    """The files of the project that the last discovery has imported, as far as it came."""
    return [] if _current is None else sorted(_current.modules)


@contextmanager
def project_imports() -> Iterator[None]:
    """Let functions of the project that was discovered last import its modules while they run."""
    token = _ENABLED.set(True)
    try:
        yield
    finally:
        _ENABLED.reset(token)


def _set_aside(code: ProjectCode) -> dict[str, ModuleType]:
    ours = {name: module for name, module in list(sys.modules.items()) if _is_hosts_copy(name, module, code)}
    for name in ours:
        del sys.modules[name]
    return ours


def _is_hosts_copy(name: str, module: ModuleType, code: ProjectCode) -> bool:
    held = getattr(module, "__dict__", {})  # not getattr for each: lazy modules import more when asked
    file = held.get("__file__")
    if file is None and "__path__" in held:  # a folder without __init__.py, here or elsewhere
        return (code.root / name.partition(".")[0]).is_dir()
    return name != "__main__" and code.owns(file)


def _put_back(aside: dict[str, ModuleType], finder: ProjectFinder) -> None:
    # A fresh submodule must not stay below the host's own package: the package does not know it.
    tops = {name.partition(".")[0] for name in aside}
    for name in [name for name in finder.names if name.partition(".")[0] in tops]:
        sys.modules.pop(name, None)
        finder.names.discard(name)
    sys.modules.update(aside)


def find_project_module(name: str) -> ModuleType | None:
    """A module that a function imports when it runs, if the project has it and it can be imported."""
    with project_imports():
        try:
            return importlib.import_module(name)
        except Exception:  # the function will fail on it, or guards against it, when it runs
            return None
