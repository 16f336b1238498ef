def migrate(cr, version):
    """What was delivered, invoiced and paid before is known to be, and announced to nobody."""
    cr.execute(
        """
        ALTER TABLE care_journey
            ADD COLUMN IF NOT EXISTS delivery_state varchar,
            ADD COLUMN IF NOT EXISTS partly_delivered_at timestamp,
            ADD COLUMN IF NOT EXISTS delivered_at timestamp,
            ADD COLUMN IF NOT EXISTS invoiced_at timestamp,
            ADD COLUMN IF NOT EXISTS paid_at timestamp;
        WITH goods AS (
            SELECT l.order_id, l.qty_delivered, l.product_uom_qty, t.type <> 'service' AS is_good
            FROM sale_order_line l
            JOIN product_product p ON p.id = l.product_id
            JOIN product_template t ON t.id = p.product_tmpl_id
            WHERE l.display_type IS NULL AND l.is_downpayment IS NOT TRUE
        ), counted AS (
            SELECT g.order_id, bool_and(g.qty_delivered >= g.product_uom_qty) AS whole,
                bool_or(g.qty_delivered > 0) AS begun
            FROM goods g
            WHERE g.is_good OR NOT EXISTS (
                SELECT 1 FROM goods o WHERE o.order_id = g.order_id AND o.is_good)
            GROUP BY g.order_id
        )
        UPDATE care_journey j SET
            delivery_state = CASE WHEN c.whole THEN 'full' WHEN c.begun THEN 'partial'
                ELSE 'none' END,
            delivered_at = CASE WHEN c.whole THEN now() AT TIME ZONE 'UTC' END,
            partly_delivered_at = CASE WHEN c.begun THEN now() AT TIME ZONE 'UTC' END
        FROM counted c WHERE c.order_id = j.order_id;
        WITH invoices AS (
            SELECT l.order_id, bool_or(m.state = 'draft') AS draft,
                bool_and(m.payment_state IN ('in_payment', 'paid', 'reversed')) AS paid
            FROM sale_order_line l
            JOIN sale_order_line_invoice_rel r ON r.order_line_id = l.id
            JOIN account_move_line i ON i.id = r.invoice_line_id
            JOIN account_move m ON m.id = i.move_id
            WHERE m.move_type = 'out_invoice' AND m.state <> 'cancel'
            GROUP BY l.order_id
        )
        UPDATE care_journey j SET
            invoiced_at = now() AT TIME ZONE 'UTC',
            paid_at = CASE WHEN COALESCE(i.paid, TRUE) THEN now() AT TIME ZONE 'UTC' END
        FROM sale_order o LEFT JOIN invoices i ON i.order_id = o.id
        WHERE o.id = j.order_id AND o.invoice_status IN ('invoiced', 'upselling')
            AND i.draft IS NOT TRUE;
        """
    )
