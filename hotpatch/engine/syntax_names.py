"""Which names a statement reads, calls and touches: at once when it runs, or later when what it defines is
called.

The answer is lexical, hence an estimate on the generous side: it serves to say *why* something differs,
never *whether*.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from hotpatch.engine.syntax_units import Names

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)

# Methods that Python calls on the class itself: what they do to their first parameter they do to the class.
ON_CLASS = frozenset({"__init_subclass__", "__new__", "__class_getitem__", "__prepare__"})


def dotted(node: ast.AST | None) -> str | None:
    """`a.b.c` for a name or a chain of attributes of one, else None."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (left := dotted(node.value)) is not None:
        return f"{left}.{node.attr}"
    return None


def root(node: ast.AST) -> str | None:
    """The longest dotted name at the bottom of a target or a receiver: `a.b` for `a.b[1].c(2)`."""
    while (name := dotted(node)) is None:
        if isinstance(node, ast.Call):
            node = node.func
        elif isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
            node = node.value
        else:
            return None
    return name


def receiver(node: ast.Call) -> str | None:
    """What a method call is made on: `a.b` for `a.b.c()`; None for a plain function."""
    return root(node.func.value) if isinstance(node.func, ast.Attribute) else None


def own_scope(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """All nodes of a scope; inner scopes are yielded and not entered, but for what they evaluate in this
    one.
    """
    todo = list(body)[::-1]
    while todo:
        node = todo.pop()
        yield node
        todo += (list(evaluated(node)) if isinstance(node, SCOPES) else _below(node))[::-1]


def _below(node: ast.AST) -> list[ast.AST]:
    """What `ast.iter_child_nodes` gives, at half its price: most of reading a module is this."""
    found: list[ast.AST] = []
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, ast.AST):
            found.append(value)
        elif type(value) is list:
            found += [part for part in value if isinstance(part, ast.AST)]
    return found


def evaluated(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a definition that its enclosing scope evaluates, annotations apart."""
    yield from getattr(node, "decorator_list", ())
    if isinstance(node, ast.ClassDef):
        yield from node.bases
        yield from (keyword.value for keyword in node.keywords)
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        yield from node.args.defaults
        yield from (value for value in node.args.kw_defaults if value is not None)


def parameters(args: ast.arguments) -> Iterator[ast.arg]:
    yield from args.posonlyargs
    yield from args.args
    if args.vararg:
        yield args.vararg
    yield from args.kwonlyargs
    if args.kwarg:
        yield args.kwarg


def noted(node: FunctionNode) -> Iterator[ast.expr]:
    yield from (arg.annotation for arg in parameters(node.args) if arg.annotation)
    if node.returns:
        yield node.returns


def stored(nodes: Iterable[ast.AST]) -> frozenset[str]:
    """The names that a scope binds itself: assignment targets, imports, definitions, handlers, captures."""
    return _stored(nodes)[0]


def _stored(nodes: Iterable[ast.AST]) -> tuple[frozenset[str], set[str]]:
    """These, and those that it declares to be the module's."""
    names, declared, of_module = set[str](), set[str](), set[str]()
    for node in own_scope(nodes):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.alias):
            names.add(node.asname or node.name.split(".")[0])
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            names.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            names.add(node.rest)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            declared.update(node.names)
            of_module.update(node.names if isinstance(node, ast.Global) else ())
    return frozenset(names - declared), of_module


class Use(ast.NodeVisitor):
    """Collects the names that nodes use.  `now` and `later` are the result; `local` holds the scopes being
    walked.
    """

    def __init__(self, *, postponed: bool) -> None:
        self._postponed = postponed
        self._local: list[frozenset[str]] = []
        self._globals: set[str] = set()
        self._this: dict[str, str] = {}
        self._now: tuple[set[str], set[str], set[str]] = (set(), set(), set())
        self._later: tuple[set[str], set[str], set[str]] = (set(), set(), set())
        self._into = self._now

    @property
    def now(self) -> Names:
        return Names(*map(frozenset, self._now))

    @property
    def later(self) -> Names:
        return Names(*map(frozenset, self._later))

    def body(self, node: FunctionNode | ast.Lambda, owner: str = "") -> None:
        """A function's body, which runs later; `owner` is the class whose method it is."""
        before, self._into = self._into, self._later
        nodes = node.body if isinstance(node.body, list) else [node.body]
        names = [arg.arg for arg in parameters(node.args)]
        bound, of_module = _stored(nodes)
        self._globals |= of_module
        if owner and names and (getattr(node, "name", "") in ON_CLASS or self._is_classmethod(node)):
            self._this[names[0]] = owner
        self._local.append(bound | set(names))
        for part in nodes:
            self.visit(part)
        self._local.pop()
        self._into = before

    def _is_classmethod(self, node: ast.AST) -> bool:
        return any(dotted(decorator) == "classmethod" for decorator in getattr(node, "decorator_list", ()))

    def _outer(self, name: str) -> str | None:
        """The name as the unit's surroundings know it, or None for a local one."""
        first, _, rest = name.partition(".")
        if first in self._this:
            return f"{self._this[first]}.{rest}" if rest else self._this[first]
        if any(first in names for names in self._local) and first not in self._globals:
            return None
        return name

    def _note(self, name: str | None, slot: int) -> None:
        if name is not None and (outer := self._outer(name)) is not None:
            self._into[slot].add(outer)

    def _touch(self, name: str | None) -> None:
        self._note(name, 2)

    # -- expressions

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._note(node.id, 0)
        elif node.id in self._globals:
            self._touch(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if not isinstance(node.ctx, ast.Load):
            self._touch(root(node.value))
        if (name := dotted(node)) is None:
            self.visit(node.value)
        else:
            self._note(name if isinstance(node.ctx, ast.Load) else dotted(node.value), 0)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if not isinstance(node.ctx, ast.Load):
            self._touch(root(node.value))
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        self._note(dotted(node.func), 1)
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call):
            self._touch(receiver(node.value))
            if receiver(node.value) is None:  # a plain function may change what it is given
                for argument in node.value.args:
                    self._touch(dotted(argument))
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._touch(root(node.target))
        self._note(root(node.target), 0)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if not self._postponed and not self._local:
            self.visit(node.annotation)
        self.visit(node.target)
        if node.value:
            self.visit(node.value)

    def visit_comprehension_scope(self, node: ast.AST) -> None:
        targets = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        self._local.append(frozenset(targets))
        self.generic_visit(node)
        self._local.pop()

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_comprehension_scope

    def visit_Lambda(self, node: ast.Lambda) -> None:
        for part in evaluated(node):
            self.visit(part)
        self.body(node)

    # -- definitions

    def definition(self, node: FunctionNode | ast.ClassDef) -> None:
        """What running a `def` or `class` statement evaluates, without the body."""
        for decorator in node.decorator_list:
            self._note(dotted(decorator), 1)
            call = decorator.func if isinstance(decorator, ast.Call) else decorator
            if isinstance(call, ast.Attribute):  # `@app.route("/")` enters it in `app`
                self._touch(root(call.value))
        if isinstance(node, ast.ClassDef):
            for base in [*node.bases, *(k.value for k in node.keywords)]:
                self._note(dotted(base), 1)
        elif not self._postponed:
            for note in noted(node):
                self.visit(note)
        for value in evaluated(node):
            self.visit(value)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.definition(node)
        self.body(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.definition(node)
        self.body(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.definition(node)
        self._local.append(stored(node.body))
        for part in node.body:
            self.visit(part)
        self._local.pop()
