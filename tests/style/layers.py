"""The include graph and the call graph of a C tree, and the circles in them.

A module is x.c with x.h. An arrow goes from a module to each module whose header it includes, and
to each module whose functions it names. A header without a .c has no code that could need anybody:
its own includes count for those who include it.
"""
import re
from pathlib import Path

from checks import blank, function_name, is_function, items

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.M)
WORD = re.compile(r'\b[A-Za-z_]\w*\b')


class Tree:
    """The modules below @top, with their arrows. @roots: include directories, relative to @top."""

    def __init__(self, top, paths, roots):
        self.top, self.paths = Path(top), [Path(path) for path in paths]
        self.roots = [self.top / root for root in roots]
        self.files = set(self.paths)
        self.includes = {}  # module -> {module: where}
        self.calls = {}
        self._read_includes()
        self._read_calls()

    def module(self, path):
        """The module of a file: its path without the suffix."""
        return str(path.relative_to(self.top).with_suffix(''))

    def name(self, path):
        return str(path.relative_to(self.top))

    def find(self, path, name):
        """The file that #include "name" in @path means, or None."""
        for place in [path.parent, *self.roots]:
            target = (place / name).resolve()
            if target in self.files:
                return target
        return None

    def _targets(self, path, seen):
        """Files that @path includes, through headers that belong to no .c."""
        for name in INCLUDE.findall(path.read_text(encoding='utf-8')):
            target = self.find(path, name)
            if not target or target in seen:
                continue
            seen.add(target)
            yield target
            if target.with_suffix('.c') not in self.files:
                yield from self._targets(target, seen)

    def _read_includes(self):
        for path in self.paths:
            source = self.module(path)
            for target in self._targets(path, set()):
                if self.module(target) != source:
                    self.includes.setdefault(source, {}).setdefault(
                        self.module(target), f'{self.name(path)} includes {self.name(target)}')

    def _read_calls(self):
        owner, bodies = {}, {}
        for path in self.paths:
            if path.suffix != '.c':
                continue
            module = self.module(path)
            bodies[module] = blank(path.read_text(encoding='utf-8'))
            for _, _, text in items(path):
                if is_function(text) and not re.match(r'\s*static\b', text):
                    owner.setdefault(function_name(text), set()).add(module)
        for module, code in bodies.items():
            for word in set(WORD.findall(code)):
                for target in owner.get(word, ()):
                    # several programs may each have a function of this name: not a call
                    if target != module and len(owner[word]) == 1:
                        self.calls.setdefault(module, {}).setdefault(
                            target, f'{module} names {word}()')

    def calls_up(self, may):
        """One line for each module that names a function of another which it may not:
        may(module, module)."""
        return [why for source, targets in sorted(self.calls.items())
                for target, why in sorted(targets.items()) if not may(source, target)]

    def circles(self):
        """(kind, group, why) of each circle, by includes and by calls."""
        code = {self.module(path) for path in self.paths if path.suffix == '.c'}
        included = {source: {target: why for target, why in targets.items() if target in code}
                    for source, targets in self.includes.items() if source in code}
        return [(kind, group, explain(graph, group))
                for kind, graph in (('includes', included), ('calls', self.calls))
                for group in circles(graph)]


def circles(graph):
    """The groups of nodes that reach each other, each as a sorted list (Tarjan)."""
    index, low, on, stack, found = {}, {}, set(), [], []
    for root in sorted(graph):
        if root in index:
            continue
        work = [(root, iter(sorted(graph.get(root, ()))))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on.add(root)
        while work:
            node, targets = work[-1]
            target = next((t for t in targets), None)
            if target is not None:
                if target not in index:
                    index[target] = low[target] = len(index)
                    stack.append(target)
                    on.add(target)
                    work.append((target, iter(sorted(graph.get(target, ())))))
                elif target in on:
                    low[node] = min(low[node], index[target])
                continue
            work.pop()
            if work:
                low[work[-1][0]] = min(low[work[-1][0]], low[node])
            if low[node] == index[node]:
                group = []
                while not group or group[-1] != node:
                    group.append(stack.pop())
                    on.discard(group[-1])
                if len(group) > 1:
                    found.append(sorted(group))
    return found


def explain(graph, group):
    """One line for each arrow within a circle."""
    inside = set(group)
    return [why for source in group for target, why in sorted(graph[source].items())
            if target in inside]


def unknown(found, known):
    """What is wrong with the circles @found, as Tree.circles() gives them, beside the @known ones:
    (kind, names). A known one that is smaller by now, or gone, must leave the list."""
    wrong, left = [], [(kind, set(names.split())) for kind, names in known]
    for kind, group, why in found:
        if (kind, set(group)) in left:
            left.remove((kind, set(group)))
            continue
        wrong.append(f'a circle of {kind}: {" ".join(group)}')
        wrong += [f'  {line}' for line in why]
    wrong += [f'no circle of {kind} any more: {" ".join(sorted(group))}' for kind, group in left]
    return wrong
