import {_t} from "@web/core/l10n/translation";
import {registry} from "@web/core/registry";
import {standardFieldProps} from "@web/views/fields/standard_field_props";
import {Component, xml} from "@odoo/owl";

/** A month, kept as its first day, as people call it. */
export class CareMonthField extends Component {
    static template = xml`<span t-out="text"/>`;
    static props = {...standardFieldProps};

    get text() {
        const day = this.props.record.data[this.props.name];
        return day ? day.toLocaleString({month: "long", year: "numeric"}) : "";
    }
}

registry.category("fields").add("care_month", {
    component: CareMonthField,
    displayName: _t("Month"),
    supportedTypes: ["date"],
});
