import {registry} from "@web/core/registry";
import {useService} from "@web/core/utils/hooks";
import {CalendarCommonPopover} from "@web/views/calendar/calendar_common/calendar_common_popover";
import {CalendarCommonRenderer} from "@web/views/calendar/calendar_common/calendar_common_renderer";
import {CalendarRenderer} from "@web/views/calendar/calendar_renderer";
import {calendarView} from "@web/views/calendar/calendar_view";

/** What came of a follow-up, told where it is clicked. */
export class FollowupCalendarPopover extends CalendarCommonPopover {
    static subTemplates = {
        ...CalendarCommonPopover.subTemplates,
        footer: "customer_care.FollowupCalendarPopover.footer",
    };

    setup() {
        super.setup();
        this.orm = useService("orm");
        this.action = useService("action");
    }

    get isAlive() {
        return ["planned", "held", "open", "failed"].includes(
            this.props.record.rawRecord.state
        );
    }

    async onOutcome(method) {
        const {model, record, close} = this.props;
        const action = await this.orm.call(model.resModel, method, [[record.id]]);
        close();
        if (action && action.type !== "ir.actions.act_window_close") {
            await this.action.doAction(action, {onClose: () => model.load()});
        }
        await model.load();
    }
}

export class FollowupCalendarCommonRenderer extends CalendarCommonRenderer {
    static components = {
        ...CalendarCommonRenderer.components,
        Popover: FollowupCalendarPopover,
    };
}

export class FollowupCalendarRenderer extends CalendarRenderer {
    static components = {
        ...CalendarRenderer.components,
        day: FollowupCalendarCommonRenderer,
        week: FollowupCalendarCommonRenderer,
        month: FollowupCalendarCommonRenderer,
    };
}

registry.category("views").add("care_followup_calendar", {
    ...calendarView,
    Renderer: FollowupCalendarRenderer,
});
