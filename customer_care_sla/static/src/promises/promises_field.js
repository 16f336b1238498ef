import {Component, onWillUpdateProps, useState} from "@odoo/owl";
import {deserializeDateTime, toLocaleDateTimeString} from "@web/core/l10n/dates";
import {CareCountdownField} from "../countdown/countdown_field";
import {_t} from "@web/core/l10n/translation";
import {registry} from "@web/core/registry";
import {span} from "../countdown/countdown";
import {standardFieldProps} from "@web/views/fields/standard_field_props";
import {useService} from "@web/core/utils/hooks";

const BADGES = {
    late: "text-bg-danger",
    met_late: "text-bg-danger",
    failed: "text-bg-danger",
    risk: "text-bg-warning",
    running: "text-bg-info",
    met: "text-bg-success",
};
const BARS = {
    late: "bg-danger",
    met_late: "bg-danger",
    risk: "bg-warning",
    met: "bg-success",
};

/** Fields that the countdown of a promise reads. */
const NAMES = {
    risk: "risk_at",
    paused: "paused_at",
    broken: "breached_at",
    failed: "error",
    done: "stopped_at",
};

/**
 * The promises of a record: what, by when, how much of the time is used, and on demand how the
 * time was counted, line by line.
 *
 * The lines come from the field `explanation` of the clock: a list of `start`, `stop`, `kind`,
 * `reason` and seconds `worked` and `wall`.
 */
export class CarePromisesField extends Component {
    static template = "customer_care_sla.Promises";
    static components = {CareCountdownField};
    static props = {...standardFieldProps};

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.names = NAMES;
        this.state = useState({opened: {}, lines: {}, missing: null});
        onWillUpdateProps((next) => this.reload(next));
    }

    get promises() {
        return this.promisesOf(this.props);
    }

    promisesOf(props) {
        return props.record.data[props.name].records;
    }

    // ------------------------------------------------------------
    // One promise
    // ------------------------------------------------------------

    measure(promise) {
        return this.labelOf(promise, "measure");
    }

    status(promise) {
        return this.labelOf(promise, "status");
    }

    labelOf(promise, name) {
        const value = promise.data[name];
        const found = promise.fields[name].selection.find(([key]) => key === value);
        return found ? found[1] : "";
    }

    badge(promise) {
        return BADGES[promise.data.status] || "text-bg-secondary";
    }

    bar(promise) {
        return BARS[promise.data.status] || "bg-secondary";
    }

    /** What was promised, and by when it was due at first if that has moved. */
    told(promise) {
        const {due_at, first_due_at, promised} = promise.data;
        const moved = due_at && first_due_at && !due_at.equals(first_due_at);
        return [
            promised && _t("promised within %s", promised),
            moved && _t("at first by %s", this.moment(first_due_at)),
        ]
            .filter(Boolean)
            .join(", ");
    }

    due(promise) {
        return this.moment(promise.data.due_at);
    }

    moment(value) {
        return value ? toLocaleDateTimeString(value, {showSeconds: false}) : "";
    }

    // ------------------------------------------------------------
    // How the time was counted
    // ------------------------------------------------------------

    async toggle(promise) {
        const id = promise.resId;
        this.state.opened[id] = !this.state.opened[id];
        if (this.state.opened[id]) {
            await this.load([id]);
        }
    }

    /**
     * After each change of the record its lines may be other ones, and it may be another record.
     *
     * @param {Object} next the props to come: those of now are still of before
     */
    async reload(next) {
        const ids = this.promisesOf(next)
            .map((promise) => promise.resId)
            .filter((id) => this.state.opened[id]);
        await this.load(ids);
        if (this.state.missing) {
            await this.loadMissing(next);
        }
    }

    async load(ids) {
        if (!ids.length) {
            return;
        }
        const rows = await this.orm.read("care.sla.clock", ids, ["explanation"]);
        for (const row of rows) {
            this.state.lines[row.id] = (row.explanation || []).map((line) => ({
                ...line,
                from: this.moment(deserializeDateTime(line.start)),
                until: this.moment(deserializeDateTime(line.stop)),
            }));
        }
    }

    lines(promise) {
        return this.state.lines[promise.resId] || [];
    }

    isOpened(promise) {
        return Boolean(this.state.opened[promise.resId]);
    }

    /** Sums by kind, so that everybody can add up what is told. */
    totals(promise) {
        const kinds = {
            running: _t("Counts"),
            paused: _t("Paused"),
            solved: _t("Solved in between"),
            closed: _t("Outside working hours"),
        };
        const totals = {};
        for (const line of this.lines(promise)) {
            const kind = (totals[line.kind] ??= {
                kind: line.kind,
                name: kinds[line.kind] || line.kind,
                worked: 0,
                wall: 0,
            });
            kind.worked += line.worked;
            kind.wall += line.wall;
        }
        return Object.keys(kinds)
            .map((kind) => totals[kind])
            .filter(Boolean);
    }

    time(seconds) {
        return seconds ? span(seconds) : "–";
    }

    // ------------------------------------------------------------
    // What is not promised
    // ------------------------------------------------------------

    async toggleMissing() {
        if (this.state.missing) {
            this.state.missing = null;
        } else {
            await this.loadMissing(this.props);
        }
    }

    /** From the field `not_promised` of the record, which is worked out when it is read. */
    async loadMissing(props) {
        const {resId, resModel} = props.record;
        let missing = null;
        if (resId) {
            const [row] = await this.orm.read(resModel, [resId], ["not_promised"]);
            missing = row.not_promised;
        }
        this.state.missing = missing;
    }

    openDetails(promise) {
        return this.action.doAction({
            type: "ir.actions.act_window",
            res_model: "care.sla.clock",
            res_id: promise.resId,
            views: [[false, "form"]],
        });
    }
}

export const carePromisesField = {
    component: CarePromisesField,
    displayName: _t("Promises"),
    supportedTypes: ["one2many"],
    useSubView: true,
};

registry.category("fields").add("care_promises", carePromisesField);
