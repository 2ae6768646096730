"""Takes itself out of sys.modules and imports the rest of itself under the same name, as opencv's cv2 does."""

import importlib
import sys

ROUND = getattr(sys, "reimports_itself_round", 0)
sys.reimports_itself_round = ROUND + 1
if ROUND == 0:
    mine = sys.modules.pop(__name__)
    try:
        native = importlib.import_module(__name__)
    finally:
        sys.modules[__name__] = mine
    NATIVE_ROUND = native.ROUND
