import {registry} from "@web/core/registry";
import {formView} from "@web/views/form/form_view";
import {FormController} from "@web/views/form/form_controller";
import {useHotkey} from "@web/core/hotkeys/hotkey_hook";

/** Enter registers, also from the field one types in: the other hand holds the phone. */
export class QuickEntryController extends FormController {
    setup() {
        super.setup();
        useHotkey("enter", ({target}) => this.onEnter(target), {
            bypassEditableProtection: true,
            isAvailable: () =>
                !document.querySelector(".o-autocomplete--dropdown-menu"),
        });
    }

    async onEnter(target) {
        const dialog =
            target.closest?.(".o_dialog") || document.querySelector(".o_dialog");
        const text = dialog?.querySelector("[name='text'] textarea");
        if (text && target !== text && !text.value.trim()) {
            text.focus();
            return;
        }
        // leaving the field lets the customer be looked for first
        target.blur?.();
        await this.model.root.save();
        dialog?.querySelector("footer .btn-primary")?.click();
    }
}

registry.category("views").add("care_quick_entry", {
    ...formView,
    Controller: QuickEntryController,
});
