from . import demo
from . import models
from . import tools
from .hooks import post_init_hook, pre_init_hook, uninstall_hook
from . import wizard
