import sys
import types


class Replacement(types.ModuleType):
    answer = 42


sys.modules[__name__] = Replacement(__name__, "put in place by the module")
