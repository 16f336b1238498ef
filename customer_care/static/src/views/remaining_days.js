import {capitalize} from "@web/core/utils/strings";
import {registry} from "@web/core/registry";
import {
    RemainingDaysField,
    remainingDaysField,
} from "@web/views/fields/remaining_days/remaining_days_field";

/** Up to how many days are counted one by one. */
const COUNTED = 31;

/**
 * Days counted as people count them. Odoo's own field says "next month" on the 29th of what is
 * due in two days, and "next year" at the end of December.
 */
export class CareRemainingDaysField extends RemainingDaysField {
    get diffString() {
        if (this.diffDays === null || Math.abs(this.diffDays) > 99) {
            return super.diffString;
        }
        const value = this.props.record.data[this.props.name].startOf("day");
        const unit = Math.abs(this.diffDays) > COUNTED ? "months" : "days";
        return capitalize(value.toRelativeCalendar({unit}));
    }
}

registry.category("fields").add("care_remaining_days", {
    ...remainingDaysField,
    component: CareRemainingDaysField,
});
