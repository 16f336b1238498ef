"""Orders that no column has."""

from odoo.tools import SQL


def rank(values, column):
    """The place of a column's value among ``values``, from 1 on; NULL for others.

    Unlike an array that is given as a parameter it can be hashed, as pivots need it.

    :param values: texts, in their order
    :param SQL column: a text
    :rtype: SQL
    """
    return SQL("array_position(ARRAY[%s], (%s)::text)", SQL(", ").join(values), column)
