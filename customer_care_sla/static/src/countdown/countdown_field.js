import {Component, onWillRender, useState} from "@odoo/owl";
import {standing, words} from "./countdown";
import {_t} from "@web/core/l10n/translation";
import {toLocaleDateTimeString} from "@web/core/l10n/dates";
import {registry} from "@web/core/registry";
import {standardFieldProps} from "@web/views/fields/standard_field_props";
import {useTicker} from "./ticker";

/** Colours tell no more than the words beside them. */
const LOOKS = {
    late: {css: "text-danger fw-bold", icon: "fa-exclamation-circle"},
    risk: {css: "text-warning-emphasis fw-bold", icon: "fa-hourglass-half"},
    running: {css: "", icon: "fa-clock-o"},
    paused: {css: "text-muted", icon: "fa-pause-circle"},
    failed: {css: "text-danger", icon: "fa-question-circle"},
    done: {css: "text-muted", icon: ""},
};

/**
 * When something is due, as a clock that runs: it turns to amber and red by itself.
 *
 * The other fields that it reads are named in its options; see {@link FIELDS}.
 */
export class CareCountdownField extends Component {
    static template = "customer_care_sla.Countdown";
    static props = {
        ...standardFieldProps,
        names: Object,
        withDate: {type: Boolean, optional: true},
        withLabel: {type: Boolean, optional: true},
    };

    setup() {
        // what is shown changes once a minute, or when the state does: nothing else renders
        this.shown = useState({key: null});
        onWillRender(() => {
            this.stand = this.standAt(Date.now());
            // read, so that a change of it renders
            this.key = this.shown.key;
        });
        useTicker((now) => {
            const {state, text} = this.standAt(now);
            this.shown.key = `${state} ${text}`;
        });
    }

    value(role) {
        const name = this.props.names[role];
        return name ? this.props.record.data[name] : false;
    }

    standAt(now) {
        const due = this.props.record.data[this.props.name];
        if (this.value("done")) {
            return {state: "done", text: this.date};
        }
        const paused = Boolean(this.value("paused"));
        const stand = standing(now, {
            due: due && due.toMillis(),
            risk: this.value("risk") && this.value("risk").toMillis(),
            paused,
            broken: this.isBroken(due),
        });
        if (stand.state === "none" && this.value("failed")) {
            return {state: "failed", text: _t("cannot be planned")};
        }
        return {state: stand.state, text: words(stand, paused)};
    }

    /** Broken once: a mark, or a moment before the one that it is due at now. */
    isBroken(due) {
        const broken = this.value("broken");
        return Boolean(broken && (broken === true || !due || broken < due));
    }

    get look() {
        return LOOKS[this.stand.state];
    }

    get date() {
        const due = this.props.record.data[this.props.name];
        return due ? toLocaleDateTimeString(due, {showSeconds: false}) : "";
    }

    get label() {
        const name = this.props.withLabel && this.props.names.label;
        const field = name && this.props.record.fields[name];
        if (!field) {
            return "";
        }
        const value = this.props.record.data[name];
        const found = (field.selection || []).find(([key]) => key === value);
        return found ? found[1] : "";
    }

    /** The whole of it, for the pointer and for who hears the page. */
    get title() {
        return [this.label, this.stand.text, this.date && _t("due %s", this.date)]
            .filter(Boolean)
            .join(", ");
    }
}

/** Role of a field -> option that names it. */
const FIELDS = {
    risk: "risk_field",
    paused: "paused_field",
    broken: "broken_field",
    failed: "failed_field",
    done: "done_field",
    label: "label_field",
};
const TYPES = {
    risk: ["datetime"],
    paused: ["boolean", "datetime"],
    broken: ["boolean", "datetime"],
    failed: ["boolean", "text"],
    done: ["datetime"],
    label: ["selection"],
};

const namesOf = (options) =>
    Object.fromEntries(
        Object.entries(FIELDS)
            .filter(([, option]) => options[option])
            .map(([role, option]) => [role, options[option]])
    );

export const careCountdownField = {
    component: CareCountdownField,
    displayName: _t("Countdown"),
    supportedTypes: ["datetime"],
    supportedOptions: [
        ...Object.entries(FIELDS).map(([role, name]) => ({
            label: name,
            name,
            type: "field",
            availableTypes: TYPES[role],
        })),
        {label: _t("Show the date"), name: "show_date", type: "boolean"},
        {label: _t("Show what is due"), name: "show_label", type: "boolean"},
    ],
    isEmpty: () => false,
    extractProps: ({options}) => ({
        names: namesOf(options),
        withDate: Boolean(options.show_date),
        withLabel: Boolean(options.show_label),
    }),
    fieldDependencies: ({options}) =>
        Object.entries(namesOf(options)).map(([role, name]) => ({
            name,
            type: TYPES[role][0],
        })),
};

registry.category("fields").add("care_countdown", careCountdownField);
