import {onMounted, onWillUnmount} from "@odoo/owl";

/** One timer for all countdowns of a page; none while there are none. */
const listeners = new Set();
let timer = null;

function tick() {
    const now = Date.now();
    for (const listener of [...listeners]) {
        listener(now);
    }
}

/**
 * Call `listener` each second with the present moment, as long as the component is there.
 *
 * @param {Function} listener
 */
export function useTicker(listener) {
    onMounted(() => {
        listeners.add(listener);
        timer ??= setInterval(tick, 1000);
    });
    onWillUnmount(() => {
        listeners.delete(listener);
        if (!listeners.size) {
            clearInterval(timer);
            timer = null;
        }
    });
}
