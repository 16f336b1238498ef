import {_t} from "@web/core/l10n/translation";
import {registry} from "@web/core/registry";
import {sortBy} from "@web/core/utils/arrays";
import {formatPercentage} from "@web/views/fields/formatters";
import {GraphModel} from "@web/views/graph/graph_model";
import {GraphRenderer} from "@web/views/graph/graph_renderer";
import {graphView} from "@web/views/graph/graph_view";

/** The bars from the highest to the lowest, and above them what they make together. */
export class ParetoGraphModel extends GraphModel {
    _getLineOverlayDataset() {
        const {groupBy, order} = this.metaData;
        const {datasets} = this.data;
        const total = datasets[0]?.data.reduce((sum, value) => sum + value, 0);
        if (
            groupBy.length !== 1 ||
            order !== "DESC" ||
            datasets.length !== 1 ||
            !total
        ) {
            return super._getLineOverlayDataset();
        }
        let sum = 0;
        return {
            label: _t("Cumulative share"),
            data: datasets[0].data.map((value) => (sum += value) / total),
            trueLabels: datasets[0].trueLabels,
            yAxisID: "share",
            clip: 8,
        };
    }
}

export class ParetoGraphRenderer extends GraphRenderer {
    get hasShare() {
        return this.model.lineOverlayDataset?.yAxisID === "share";
    }

    getScaleOptions() {
        const scales = super.getScaleOptions();
        if (this.hasShare) {
            scales.share = {
                type: "linear",
                position: "right",
                min: 0,
                max: 1,
                ticks: {
                    callback: (value) => formatPercentage(value),
                    color: scales.y.ticks.color,
                },
                grid: {display: false},
                border: {display: false},
            };
        }
        return scales;
    }

    getTooltipItems(data, metaData, tooltipModel) {
        const items = super.getTooltipItems(data, metaData, tooltipModel);
        if (this.hasShare) {
            // in the order in which Odoo makes the items
            const points = sortBy(tooltipModel.dataPoints, "raw", "desc");
            points.forEach((point, index) => {
                if (point.datasetIndex === data.datasets.length) {
                    items[index].value = formatPercentage(point.raw);
                }
            });
        }
        return items;
    }
}

registry.category("views").add("care_pareto_graph", {
    ...graphView,
    Model: ParetoGraphModel,
    Renderer: ParetoGraphRenderer,
});
