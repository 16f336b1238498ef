"""Odoo's tests keep what they have only read.

After each test Odoo forgets all that it has cached (rights, record rules, compiled templates,
defaults), and the next test works it out again: a third of a run. What a test changes, it has to
tell Odoo's caches in any case, as everybody does in production; after a test only the caches that
were told of something are emptied, and between classes all of them, as always.
"""

from odoo.orm.registry import _CACHES_BY_KEY, Registry
from odoo.tests.common import TransactionCase


def keep_what_was_only_read():
    told = set()
    clear_cache, clear_all = Registry.clear_cache, Registry.clear_all_caches
    set_up = TransactionCase.setUp

    def clear_some(self, *names):
        told.update(names or ("default",))
        clear_cache(self, *names)

    def clear_each(self):
        told.update(_CACHES_BY_KEY)
        clear_all(self)

    def set_up_and_keep(self):
        set_up(self)
        told.clear()

        def clear_told():
            if self.registry.registry_invalidated:
                told.update(_CACHES_BY_KEY)
            if told:
                clear_cache(self.registry, *told)

        def is_clearing(cleanup):
            return getattr(cleanup[0], "__wrapped__", None) == self.registry.clear_all_caches

        assert sum(map(is_clearing, self._cleanups)) == 1, "Odoo clears its caches elsewhere now"
        self._cleanups = [
            (clear_told, (), {}) if is_clearing(each) else each for each in self._cleanups
        ]

    Registry.clear_cache, Registry.clear_all_caches = clear_some, clear_each
    TransactionCase.setUp = set_up_and_keep
