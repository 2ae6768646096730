"""Programs that compile texts in every way: they print what they see of it, plain, traced and served the same."""

# ruff: noqa: E501 - easier to read with a statement a line
from __future__ import annotations

PROGRAMS = {
    "dataclasses": """
        from dataclasses import dataclass, field, fields, replace
        @dataclass(order=True, frozen=True)
        class Point:
            x: int = 1
            y: "list[int]" = field(default_factory=list, compare=False)
        print(Point(), Point(2) > Point(), hash(Point()) == hash(Point()), replace(Point(), x=3), fields(Point)[0].name)
        print(Point.__init__.__code__.co_filename, Point.__init__.__qualname__, Point.__init__.__annotations__)
        try:
            Point().x = 1
        except Exception as error:
            print(type(error), error)
    """,
    "namedtuples": """
        import pickle
        from collections import namedtuple
        P = namedtuple("P", "x y", defaults=[5])
        Q = namedtuple("Q", "x y", defaults=[6])
        print(P(1), Q(1), P.__new__.__code__ is Q.__new__.__code__, pickle.loads(pickle.dumps(P(3))), P.__new__.__defaults__)
    """,
    "annotations": """
        import typing
        class C:
            a: "int"
            b: "typing.Optional[C]"
        print(typing.get_type_hints(C))
        try:
            print(typing.ForwardRef("1 +"))
        except SyntaxError as error:
            print(error, error.filename, error.lineno, error.offset, error.text)
    """,
    "scopes": """
        a = 1
        def f():
            b = 2
            exec("c = a")
            print(eval("a"), eval("b"), sorted(locals()), eval("[a for _ in range(2)]"))
            return eval("sorted(locals())")
        print(f())
        exec("d = a + 1"); print(d)
        space = {}
        exec("e = 1\\ndef g(): return e", space); print(sorted(space), space["g"](), space["g"].__globals__ is space)
        exec("h = 1", space, {}); print("h" in space)
        class Mapping(dict):
            def __missing__(self, key): return key
        print(eval("unknown", {}, Mapping()), eval("  \\t1 + 1"), eval("\\n2"))
        exec("print(__builtins__ is not None)", {})
    """,
    "wrong_arguments": """
        import sys
        for call in (lambda: exec(), lambda: exec("1", 5), lambda: exec("1", {}, 5), lambda: eval("1", []), lambda: eval("1", {}, 5),
                     lambda: exec("1", {}, {}, {}), lambda: exec("1", nothing=1), lambda: eval(1), lambda: exec(None), lambda: compile("1", "f"),
                     lambda: compile("1", "f", "no"), lambda: compile("1", 5, "eval"), lambda: compile("1", "f", "eval", "x"),
                     lambda: compile("1", "f", "eval", 1 << 40), lambda: compile("1", "f", "eval", 1 << 28), lambda: compile("1", "f", "eval", 0, 0, 7),
                     lambda: compile("1", "f", "eval", 0, 0, -2), lambda: compile("1\\0", "f", "eval"), lambda: compile("\\ud800", "f", "eval"),
                     lambda: compile("1", "f\\0", "eval"), lambda: compile("1", "f", "eval", None), lambda: compile("1", "f", "eval", dont_inherit="x").co_name,
                     lambda: compile("1", "f", "eval", 0, [], 1.5), lambda: eval(""), lambda: eval("  "), lambda: exec("("), lambda: exec("  x = 1"), lambda: compile("  1", "f", "eval")):
            try:
                print(call())
            except BaseException as error:
                print(type(error), error, getattr(error, "filename", None), getattr(error, "offset", None))
    """,
    "arguments_in_every_way": """
        import __future__, sys
        print(compile("a", "f", "eval").co_names, compile("a", filename="f", mode="eval").co_filename, compile(source="a", filename="f", mode="eval").co_name)
        for level in (-1, 0, 1, 2):
            print(compile("assert a\\n'doc'\\ndef f(): 'doc'", "f", "exec", optimize=level).co_consts[0] is None, len(compile("assert a", "f", "exec", 0, True, level).co_code) > 8)
        flags = __future__.annotations.compiler_flag
        print(compile("x: int = 1", "f", "exec", flags).co_flags & flags, compile("x: int = 1", "f", "exec").co_flags & flags)
        print(compile(b"a", "f", "eval").co_names, compile("a", b"f", "eval").co_filename, compile("print(1)", "f", "single").co_consts)
        import ast
        print(ast.dump(compile("a", "f", "eval", ast.PyCF_ONLY_AST)), compile(ast.parse("a"), "f", "exec").co_names)
        class Text(str): pass
        print(eval(Text("1")), compile(Text("a"), "f", "eval").co_names, compile("a", Text("f"), "eval").co_filename)
        exec(compile("print('code')", "f", "exec"))
        if sys.version_info >= (3, 13):
            exec("print(a)", globals={"a": 1}); print(eval("a", locals={"a": 2}, globals={}))
        if sys.version_info >= (3, 11):
            def closure():
                c = 1
                return lambda: c
            try:
                exec("x", closure=closure().__closure__)
            except TypeError as error:
                print(error)
            exec("print('none')", closure=None)
    """,
    "inherited_flags": """
        from __future__ import annotations
        space = {}
        exec("def f(x: int): pass", space); print(space["f"].__annotations__)
        print(compile("x: int", "f", "exec").co_flags & annotations.compiler_flag, compile("x: int", "f", "exec", dont_inherit=True).co_flags & annotations.compiler_flag)
    """,
    "tracebacks": """
        import traceback
        def f():
            exec("def g():\\n    raise ValueError(1)\\ng()")
        for call in (f, lambda: eval("1 / 0"), lambda: exec(compile("\\n\\n1 / 0", "<a b>", "exec"))):
            try:
                call()
            except Exception:
                print(traceback.format_exc())
    """,
    "seen_by_others": """
        import builtins, inspect, pickle, sys, types
        for function in (exec, eval, compile):
            print(function, type(function), function.__self__ is builtins, function.__name__, function.__doc__, function.__text_signature__, getattr(builtins, function.__name__) is function)
            print(inspect.signature(function), pickle.loads(pickle.dumps(function)) is function, function.__qualname__, function.__module__)
        events = []
        sys.setprofile(lambda frame, event, arg: events.append((event, getattr(arg, "__name__", None), frame.f_code.co_name, frame.f_code.co_filename)))
        exec("a = 1\\n(lambda: 2)()"); eval("3"); compile("4", "f", "eval")
        sys.setprofile(None)
        print(events)
        lines = []
        def tracer(frame, event, arg):
            lines.append((event, frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name))
            return tracer
        sys.settrace(tracer)
        exec("b = 5\\nb = 6\\ndef f():\\n  return b\\nf()")
        sys.settrace(None)
        print(lines)
    """,
    "audit_events": """
        import sys
        events, on = [], False
        def hook(name, arguments):
            if on and name in ("compile", "exec"):
                events.append((name, arguments if name == "compile" else (arguments[0].co_filename, arguments[0].co_names)))
        sys.addaudithook(hook)
        on = True
        exec("a = '\\u00e9'"); eval("  a"); compile("b", "<f>", "eval"); compile("c = 1", "<f>", "exec")
        on = False
        print(events)
        def refusing(name, arguments):
            if name == "compile" and on:
                raise PermissionError(arguments[1])
        sys.addaudithook(refusing)
        on = True
        for call in (lambda: exec("d = 1"), lambda: eval("1"), lambda: compile("1", "g", "eval")):
            try:
                call()
            except PermissionError as error:
                print(error)
        on = False
    """,
    "warnings": """
        import warnings
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            exec("a = 1\\na is 1"); eval("a is 2"); compile("'\\\\d'", "f", "eval")
        print([(w.category, str(w.message), w.filename, w.lineno) for w in told])
        warnings.simplefilter("error")
        for call in (lambda: exec("a is 3"), lambda: compile("a is 4", "f", "eval")):
            try:
                call()
            except SyntaxError as error:
                print(error)
    """,
    "given_once": """
        made = [compile("def f(): return (1, 2.5)", "f", "exec") for _ in range(3)]
        print(len(set(map(id, made))), len({id(code.co_consts[0]) for code in made}), made[0] == made[1] == made[2])
        first, second = {}, {}
        exec("def f(): pass", first); exec("def f(): pass", second)
        print(first["f"].__code__ is second["f"].__code__, first["f"].__code__ == second["f"].__code__)
    """,
    "constants": """
        code = compile("x = {1, 2, 3}; y = a in {'p', 'q', 'r'}; z = 10 ** 5; w = (1, 'two', b'three', 4j, None, ...)", "f", "exec")
        print([constant for constant in code.co_consts if type(constant) is not frozenset])
        import sys
        limit = getattr(sys, "set_int_max_str_digits", lambda limit: None)
        limit(640)
        try:
            print(len(hex(eval("1" * 700))))
        except SyntaxError as error:
            print(error)
        print(eval("'interned_name'") is sys.intern("interned_name"), eval("()") is (), eval("1") is 1, eval("'a b'"))
    """,
    "no_end": """
        def f(depth):
            return eval("f(depth + 1)") if depth < 20 else depth
        print(f(0))
        def g(): exec("g()")
        try:
            g()
        except RecursionError as error:
            print("deep")
        import threading
        results = []
        threads = [threading.Thread(target=lambda n=n: results.append(eval(f"{n} * 2"))) for n in range(8)]
        [thread.start() for thread in threads]; [thread.join() for thread in threads]
        print(sorted(results))
    """,
    "system_exit": "exec('raise SystemExit(3)')",
    "replaced": """
        import builtins
        old = builtins.compile
        builtins.compile = lambda *args, **named: (print("asked"), old(*args, **named))[1]
        print(compile("1", "f", "eval").co_filename, eval("2"))
    """,
}  # fmt: skip
