"""Times of the day, as the reader's language writes them."""

from datetime import time

from odoo.tools import format_time


def clock(env, moment):
    """A time of the day; a day that ends at midnight ends a moment before in calendars.

    :param moment: a ``time``, or hours as calendars keep them (0 to 24)
    """
    if isinstance(moment, float | int):
        minutes = round(moment * 60) % (24 * 60)
    else:
        seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
        minutes = (seconds + bool(moment.microsecond) + 30) // 60 % (24 * 60)
    return format_time(env, time(*divmod(minutes, 60)), time_format="short")
