import {_t} from "@web/core/l10n/translation";
import {registry} from "@web/core/registry";
import {standardFieldProps} from "@web/views/fields/standard_field_props";
import {Component} from "@odoo/owl";

/** The sides of the picture, in its own units; the scale goes from 0 to 100 points. */
const LEFT = 60;
const TOP = 20;
const SIDE = 400;

/** What matters to customers against how well it is done: a picture and a table. */
export class ServiceMatrixField extends Component {
    static template = "customer_care_survey.ServiceMatrix";
    static props = {...standardFieldProps};

    setup() {
        this.box = {left: LEFT, top: TOP, right: LEFT + SIDE, bottom: TOP + SIDE};
    }

    get data() {
        return (
            this.props.record.data[this.props.name] || {
                services: [],
                middle: {importance: 50, performance: 50},
            }
        );
    }

    get quadrants() {
        return {
            first: _t("Work on first"),
            keep: _t("Keep up"),
            later: _t("Matters less"),
            enough: _t("Good enough"),
        };
    }

    x(points) {
        return LEFT + (SIDE * points) / 100;
    }

    y(points) {
        return TOP + SIDE - (SIDE * points) / 100;
    }

    get middle() {
        const {importance, performance} = this.data.middle;
        return {x: this.x(performance), y: this.y(importance)};
    }

    /** Services that have a place in the picture, by their number in the table. */
    get points() {
        return this.data.services
            .map((service, index) => ({...service, number: index + 1}))
            .filter((service) => service.gap !== null)
            .map((service) => ({
                ...service,
                x: this.x(service.performance),
                y: this.y(service.importance),
                rivalX: service.rival === null ? null : this.x(service.rival),
            }));
    }

    number(value) {
        return value === null ? "–" : value.toFixed(1);
    }

    /** The picture in words, for who cannot see it. */
    get description() {
        return this.points
            .map((service) =>
                _t(
                    "%(name)s: importance %(importance)s, ours %(performance)s, competitor %(rival)s, %(quadrant)s.",
                    {
                        name: service.name,
                        importance: this.number(service.importance),
                        performance: this.number(service.performance),
                        rival: this.number(service.rival),
                        quadrant: this.quadrants[service.quadrant],
                    }
                )
            )
            .join(" ");
    }
}

registry.category("fields").add("care_service_matrix", {
    component: ServiceMatrixField,
    displayName: _t("Services Matrix"),
    supportedTypes: ["json"],
});
