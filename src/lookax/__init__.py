"""Reinforcement learning that differentiates through learning.

`import lookax as lx` has the names that most people come for, which `__init__.pyi` lists. Each is imported when it is
first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

__version__ = "0.2.0"
