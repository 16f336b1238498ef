from . import clockwork
