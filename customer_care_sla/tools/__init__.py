from . import clockwork
from . import courtesy
