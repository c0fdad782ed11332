"""Score a drive: criteria, penalties, results, closed-loop evaluation.

CARLA's own evaluator is a package of the same name. `extend_path` lets both live on one import path: our modules
are found here, the official ones where they are installed. Agents also import `agents` and `srunner`, which are on no
package index: stand-ins are offered where the real ones are absent.
"""

from pkgutil import extend_path

from leaderboard.shims import offer_missing_packages

__path__ = extend_path(__path__, __name__)
offer_missing_packages()
