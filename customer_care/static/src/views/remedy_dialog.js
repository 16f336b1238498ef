import {registry} from "@web/core/registry";
import {useService} from "@web/core/utils/hooks";
import {formView} from "@web/views/form/form_view";
import {FormController} from "@web/views/form/form_controller";

/** A remedy is kept and decided in one: what cannot be done leaves no proposal behind. */
export class RemedyDialogController extends FormController {
    setup() {
        super.setup();
        this.action = useService("action");
    }

    async beforeExecuteActionButton(clickParams) {
        const {root} = this.model;
        const decides = ["action_go", "action_ask"].includes(clickParams.name);
        if (!decides || !root.isNew) {
            return super.beforeExecuteActionButton(clickParams);
        }
        if (!(await root.checkValidity({displayNotification: true}))) {
            return false;
        }
        const changes = await root.getChanges();
        const next = await this.orm.call(
            "care.remedy",
            "action_propose",
            [changes, clickParams.name],
            {context: root.context}
        );
        await this.action.doAction(next);
        return false;
    }
}

registry.category("views").add("care_remedy_dialog", {
    ...formView,
    Controller: RemedyDialogController,
});
