"""Score a drive: criteria, penalties, results, closed-loop evaluation.

CARLA's own evaluator is a package of the same name. `extend_path` lets both live on one import path: our modules
are found here, the official ones where they are installed.
"""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
