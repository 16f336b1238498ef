from . import rate
from . import stop
from . import staff
