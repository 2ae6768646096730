import sys

import plain

if __name__ == "__main__":
    print(__name__, __spec__ and __spec__.name, __file__, __package__, sys.argv, plain.answer())
