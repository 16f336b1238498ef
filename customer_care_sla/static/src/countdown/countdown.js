import {_t} from "@web/core/l10n/translation";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * How a promise stands at a moment.
 *
 * All moments are milliseconds; a moment that is not there is falsy. A promise that is kept in
 * its very last second is kept, as the server sees it.
 *
 * @param {Number} now
 * @param {Object} promise with `due`, `risk` (when it begins to be at risk), `paused` and
 *  `broken` (before it was put off or paused)
 * @returns {{state: String, seconds: Number}} the state: "late", "risk", "running", "paused" or
 *  "none"; seconds until it is due, below zero when it is late
 */
export function standing(now, {due, risk, paused, broken}) {
    if (!due) {
        const state = broken ? "late" : paused ? "paused" : "none";
        return {state, seconds: 0};
    }
    const seconds = Math.floor(due / 1000) - Math.floor(now / 1000);
    if (broken || seconds < 0) {
        return {state: "late", seconds};
    }
    return {state: risk && risk <= now ? "risk" : "running", seconds};
}

/**
 * So much time in words, in the two largest units: "2 h 10 min".
 *
 * @param {Number} seconds
 * @returns {String}
 */
export function duration(seconds) {
    const left = Math.abs(seconds);
    const days = Math.floor(left / DAY);
    const hours = Math.floor((left % DAY) / HOUR);
    if (days && hours) {
        return _t("%(days)s d %(hours)s h", {days, hours});
    }
    return days ? _t("%s d", days) : span(left);
}

/**
 * Working time in words: hours and minutes, for a day of work has no fixed length.
 *
 * @param {Number} seconds
 * @returns {String}
 */
export function span(seconds) {
    const hours = Math.floor(seconds / HOUR);
    const minutes = Math.floor((seconds % HOUR) / MINUTE);
    if (hours && minutes) {
        return _t("%(hours)s h %(minutes)s min", {hours, minutes});
    }
    if (hours) {
        return _t("%s h", hours);
    }
    if (minutes) {
        return _t("%s min", minutes);
    }
    return _t("less than a minute");
}

/**
 * What is read beside the clock: "2 h 10 min left", "late by 5 min", "paused".
 *
 * @param {Object} stand as {@link standing} gives it
 * @param {Boolean} paused
 * @returns {String}
 */
export function words({state, seconds}, paused) {
    if (state === "paused") {
        return _t("paused");
    }
    if (state === "none") {
        return "";
    }
    if (seconds < 0) {
        return _t("late by %s", duration(seconds));
    }
    if (state === "late") {
        // broken before: what is left of the new time does not mend it
        return paused ? _t("late, paused") : _t("late");
    }
    return _t("%s left", duration(seconds));
}
