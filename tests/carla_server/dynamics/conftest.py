"""Lets the tests here import `dynamics_fields`: pytest's importlib mode leaves the module path alone."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
