#!/usr/bin/python3
"""The check of circles finds each kind, in trees that are made for it."""
import sys
import tempfile
from pathlib import Path

import checks
from layers import Tree, unknown


def tree_of(folder, **texts):
    """A tree of files in @folder: name with "_" for the dot -> text."""
    paths = []
    for name, text in texts.items():
        path = Path(folder).resolve() / name.replace('_', '.')
        path.write_text(text, encoding='utf-8')
        paths.append(path)
    return Tree(Path(folder).resolve(), paths, ['.'])


def circles(**texts):
    with tempfile.TemporaryDirectory() as folder:
        return [(kind, group) for kind, group, _ in tree_of(folder, **texts).circles()]


DOWN = {'a_c': '#include "a.h"\n#include "b.h"\nint a(void)\n{\n\treturn b();\n}\n',
        'a_h': 'int a(void);\n', 'b_h': 'int b(void);\n'}


def compare(got, wanted):
    return f'{len(wanted)} expected', [] if got == wanted else [f'{got}, not {wanted}']


def arrows_that_go_down_are_no_circle():
    return compare(circles(b_c='int b(void)\n{\n\treturn 1;\n}\n', **DOWN), [])


def a_circle_of_includes_is_found():
    return compare(circles(b_c='#include "a.h"\nint b(void)\n{\n\treturn 1;\n}\n', **DOWN),
                   [('includes', ['a', 'b'])])


def a_circle_of_calls_is_found():
    """Without an include: the other's function is declared by hand."""
    return compare(circles(b_c='int a(void);\nint b(void)\n{\n\treturn a();\n}\n', **DOWN),
                   [('calls', ['a', 'b'])])


def a_call_that_goes_up_is_found():
    """a is above b."""
    with tempfile.TemporaryDirectory() as folder:
        tree = tree_of(folder, b_c='int a(void);\nint b(void)\n{\n\treturn a();\n}\n', **DOWN)
        return compare(tree.calls_up(lambda module, other: module < other), ['b names a()'])


def a_header_of_no_module_passes_its_includes_on():
    files = dict(DOWN, c_h='#include "a.h"\n')
    return compare(circles(b_c='#include "c.h"\nint b(void)\n{\n\treturn 1;\n}\n', **files),
                   [('includes', ['a', 'b'])])


def words_in_comments_and_strings_are_no_calls():
    text = '/* a() */\nint b(void)\n{\n\treturn "a()"[0];\n}\n'
    return compare(circles(b_c=text, **DOWN), [])


def the_list_of_known_circles_only_gets_shorter():
    found = [('calls', ['a', 'b'], ['a names b()'])]
    same, none = unknown(found, [('calls', 'a b')]), unknown([], [('calls', 'a b')])
    more = unknown(found, [])
    return compare([same, none, more],
                   [[], ['no circle of calls any more: a b'],
                    ['a circle of calls: a b', '  a names b()']])


if __name__ == '__main__':
    sys.exit(checks.main(arrows_that_go_down_are_no_circle, a_circle_of_includes_is_found,
                         a_circle_of_calls_is_found, a_call_that_goes_up_is_found,
                         a_header_of_no_module_passes_its_includes_on,
                         words_in_comments_and_strings_are_no_calls,
                         the_list_of_known_circles_only_gets_shorter))
