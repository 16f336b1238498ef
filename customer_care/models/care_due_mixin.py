import logging
from datetime import timedelta

import psycopg2

from odoo import api, fields, models
from odoo.exceptions import AccessError, ConcurrencyError, UserError
from odoo.tools import SQL, split_every

from .care_guard import refuse_forged

_logger = logging.getLogger(__name__)

#: Says in a context that the engine itself writes. Compared by identity: no remote call can
#: put this object in a context.
ENGINE = object()
#: Rows in one INSERT: PostgreSQL and psycopg2 stay comfortable up to here.
INSERT_CHUNK = 1000


def reraise_if_concurrent(error):
    """Let a serialization failure, a deadlock or a lost connection pass.

    The transaction is lost with them: whoever opened it (a request, a cron) has to start
    again, so they must never end up as the error of a rule or of a row. Odoo wraps what goes
    wrong inside a template, so the causes count too. What the database refuses for its own
    sake (a statement that takes too long, too much memory) is an error like any other.
    """
    cause = error
    while cause is not None:
        if (
            isinstance(
                cause,
                ConcurrencyError
                | psycopg2.extensions.TransactionRollbackError
                | psycopg2.errors.LockNotAvailable
                | psycopg2.InterfaceError
                | psycopg2.errors.AdminShutdown,
            )
            or type(cause) is psycopg2.OperationalError
        ):  # as the driver calls a lost connection
            raise cause
        cause = cause.__cause__ or cause.__context__


class CareDueMixin(models.AbstractModel):
    """A planned row: something the engine has to do at ``next_at``.

    One invariant carries the rest: ``next_at`` is set exactly while the engine still
    has something to do with the row. The cron finds its work by a partial index over
    it, so its cost follows what is due and not what is open.

    A concrete model sets :attr:`_due_cron`, implements :meth:`_run_due` and declares
    the unique index that makes planning repeatable.
    """

    _name = "care.due.mixin"
    _description = "Planned row of Customer Care"
    _inherit = ["care.engine.mixin", "care.technical.mixin"]

    #: XML id of the cron that works on the rows of this model.
    _due_cron = None
    #: Rows worked on in one transaction.
    _due_batch = 100
    #: Attempts before a row that keeps failing is set aside.
    _due_attempts = 5
    #: Fields that people may write; all others belong to the engine.
    _due_user_fields = frozenset()

    state = fields.Selection(
        [
            ("planned", "Planned"),
            ("done", "Done"),
            ("cancelled", "Cancelled"),
            ("failed", "Failed"),
        ],
        default="planned",
        required=True,
        readonly=True,
        index=True,
    )
    next_at = fields.Datetime(
        "Next Action At",
        readonly=True,
        copy=False,
        help="When the engine works on this row next; empty when nothing is left to do.",
    )
    attempts = fields.Integer(readonly=True, copy=False)
    error = fields.Text(
        readonly=True,
        copy=False,
        help="Why the last attempt failed. After five attempts the row is set aside "
        "until somebody presses Retry.",
    )

    _next_at_idx = models.Index("(next_at, id) WHERE next_at IS NOT NULL")

    # ------------------------------------------------------------
    # Nothing that the engine writes can be forged
    # ------------------------------------------------------------

    @api.model
    def _check_engine_fields(self, vals):
        refuse_forged(self, set(vals) - self._due_user_fields)

    # ------------------------------------------------------------
    # Planning
    # ------------------------------------------------------------

    def _plan(self, vals_list):
        """Insert the rows that are not there yet and wake the cron for the earliest.

        :param list[dict] vals_list: column values of the rows
        :return: the rows that this call inserted, in no particular order
        """
        rows = self._insert_new(vals_list)
        if rows:
            # by the values given: reading the rows back would cost a query
            self._trigger_at([vals.get("next_at") for vals in vals_list])
        return rows

    @api.model
    def _insert_new(self, vals_list):
        """``INSERT … ON CONFLICT DO NOTHING``: the unique indexes decide what is new.

        A row that another transaction has just inserted raises a serialization error,
        which Odoo answers by running the request again.
        """
        return insert_new(self, vals_list)

    def _trigger_due(self):
        """Wake the cron once, for the earliest ``next_at`` among ``self``."""
        self._trigger_at(self.sudo().mapped("next_at"))

    @api.model
    def _trigger_at(self, moments):
        """Wake the cron once, for the earliest of these moments."""
        moments = [moment for moment in moments if moment]
        crons = self._due_crons()
        cron = crons.get(self._due_cron)
        if moments and cron:
            # read together: one event plans rows for several crons
            cron = cron.with_prefetch([other.id for other in crons.values()])
            # what is due now is due by Odoo's own clock, which has no microseconds: a moment
            # of the transaction's clock would wait for the next minute
            moment = min(moments)
            cron._trigger(at=moment if moment > self.env.cr.now() else None)

    @api.model
    def _due_crons(self):
        """XML id -> cron, of all kinds of planned rows; found without a query."""
        names = {
            self.env[name]._due_cron
            for name in self.pool.descendants(["care.due.mixin"], "_inherit")
        }
        # sudo: anybody's gesture may plan work, nobody else may touch crons
        crons = self.env["ir.cron"].sudo()
        find = self.env["ir.model.data"]._xmlid_to_res_id
        return {name: crons.browse(found) for name in names if name and (found := find(name))}

    @api.model
    def _wake_mail_queue(self):
        """Send what a cron has just written now: Odoo's own queue looks once an hour."""
        queue = self.env.ref("mail.ir_cron_mail_scheduler_action", raise_if_not_found=False)
        if queue:
            # sudo: the engine may wake the mail queue, whoever set it going
            queue.sudo()._trigger(at=fields.Datetime.now())

    def _cancel_due(self, extra=None):
        """End the rows that are still open; the ones that are over stay as they are."""
        rows = self.filtered(lambda row: row.state not in ("done", "cancelled"))
        if rows:
            rows.write({"state": "cancelled", "next_at": False, **(extra or {})})
        return rows

    def action_retry(self):
        """Try rows that were set aside again, now."""
        self.check_access("write")
        if not self.env.user.has_group("customer_care.group_leader"):
            raise AccessError(self.env._("Only team leaders and managers may retry failed work."))
        # sudo: the state of planned rows belongs to the engine; rights checked above
        rows = self.sudo().filtered(lambda row: row.state == "failed")
        if not rows:
            raise UserError(self.env._("Only failed rows can be retried."))
        rows.write(
            {
                "state": "planned",
                "attempts": 0,
                "error": False,
                "next_at": self.env.cr.now(),
            }
        )
        rows._trigger_due()

    # ------------------------------------------------------------
    # Running
    # ------------------------------------------------------------

    def _run_due(self):
        """Do the work of these rows: all of one batch, locked, as superuser.

        Has to move or empty ``next_at`` of every row. An exception rolls the batch
        back; it is then cut in halves until the rows at fault stand alone.
        """
        raise NotImplementedError

    @api.model
    def _due_domain(self):
        """What is due now; the base is the partial index over ``next_at``."""
        return [("next_at", "<=", self.env.cr.now())]

    @api.model
    def _claim_due(self):
        rows = self.search(self._due_domain(), limit=self._due_batch, order="next_at, id")
        return rows.try_lock_for_update(allow_referencing=True)

    @api.model
    def _cron_run_due(self):
        """Work on everything that is due, one fresh transaction a batch.

        May be killed at any point: what was not committed is due again.
        """
        # sudo: effects run as superuser with the record's company
        model = self.sudo()
        run_in_batches(
            model,
            model._claim_due,
            lambda rows: rows._run_guarded(),
            lambda: model.search_count(model._due_domain(), limit=1),
        )

    def _run_guarded(self):
        """Run the batch; on an error cut it in halves, and set the culprit aside."""

        def work(rows):
            rows._run_due()
            stuck = rows.filtered(lambda row: row.next_at and row.next_at <= self.env.cr.now())
            if stuck:
                raise RuntimeError(f"{self._name}: {stuck.ids} did not move on")

        run_guarded(self, work, lambda row, error: row._set_aside(error))

    def _set_aside(self, error):
        self.ensure_one()
        row = self.exists()
        if not row:
            return
        _logger.warning("%s: %s", row, error, exc_info=error)
        attempts = row.attempts + 1
        vals = {"attempts": attempts, "error": str(error) or type(error).__name__}
        if attempts >= self._due_attempts:
            vals.update(state="failed", next_at=False)
        else:
            vals["next_at"] = self._next_attempt(attempts)
        row.write(vals)

    @api.model
    def _next_attempt(self, attempts):
        """When to try again after so many failures: 4, 16, 64, 256 minutes later."""
        return self.env.cr.now() + timedelta(minutes=4**attempts)


def run_guarded(records, work, set_aside):
    """Do ``work`` on all of these records at once; on an error cut them in halves, until those
    at fault stand alone.

    :param work: called with records; what it did is rolled back if it raises
    :param set_aside: called with one record at fault and its error
    """
    if not records:
        return
    try:
        with records.env.cr.savepoint():
            work(records)
    except Exception as error:  # pylint: disable=broad-except
        reraise_if_concurrent(error)
        if len(records) == 1:
            set_aside(records, error)
            return
        middle = len(records) // 2
        run_guarded(records[:middle], work, set_aside)
        run_guarded(records[middle:], work, set_aside)


def run_in_batches(model, claim, work, count_left):
    """Work off what is due in a cron, one fresh transaction a batch.

    :param model: whose work it is
    :param claim: gives the next batch, locked; empty when nothing is left
    :param work: called with a batch
    :param count_left: how many are left; more than none brings the cron back
    """
    cron = model.env["ir.cron"]
    cron._commit_progress(remaining=0)
    conflicts = 0
    while True:
        try:
            records = claim()
            if not records:
                return
            count = len(records)
            work(records)
            time_left = cron._commit_progress(count, remaining=count_left())
        except (ConcurrencyError, psycopg2.extensions.TransactionRollbackError):
            # A user was faster: crons are not retried by Odoo, so start afresh.
            model.env.cr.rollback()
            conflicts += 1
            if conflicts > 5:
                _logger.info("%s: too many conflicts, left to the next run", model._name)
                cron._commit_progress(remaining=1)
                return
            continue
        if not time_left:
            return


def run_domain(model, domain, work, order, limit):
    """Work off in a cron the records of ``domain``, which they leave by being worked on.

    A record at fault is logged and passed over until the next run; the others go on.

    :param model: as superuser
    :param work: called with records
    """
    passed_over = set()

    def due():
        return [*domain, ("id", "not in", list(passed_over))]

    def claim():
        found = model.search(due(), limit=limit, order=order)
        return found.try_lock_for_update(allow_referencing=True)

    def set_aside(record, error):
        passed_over.add(record.id)
        _logger.error("%s: passed over until the next run: %s", record, error, exc_info=error)

    run_in_batches(
        model,
        claim,
        lambda records: run_guarded(records, work, set_aside),
        lambda: model.search_count(due(), limit=limit),
    )


def insert_new(model, vals_list, together=None):
    """Insert rows that no unique index knows yet, without an ORM ``create``.

    The caller gives every required column without a default; defaults, ``create_uid`` and the
    dates are added.

    :param model: the (empty) recordset of the model
    :param list[dict] vals_list: field name -> value, all stored columns
    :param together: called with the INSERT, which returns the new rows; gives the statement that
        is executed in its place, which has to return their ids
    :return: the rows inserted
    """
    if not vals_list:
        return model.browse()
    env = model.env
    log = {
        "create_uid": env.uid,
        "write_uid": env.uid,
        "create_date": env.cr.now(),
        "write_date": env.cr.now(),
    }
    given = {name for vals in vals_list for name in vals}
    # what another addon requires of these rows, and whose default says it
    missing = [
        name
        for name, field in model._fields.items()
        if field.store and field.default and field.column_type and name not in given
    ]
    log.update(model.default_get(missing))
    names = sorted(given | set(log))
    model_fields = [model._fields[name] for name in names]
    converters = [_converter(field, model) for field in model_fields]
    ids = []
    env.flush_all()
    for chunk in split_every(INSERT_CHUNK, vals_list):
        rows = []
        for vals in chunk:
            vals = {**log, **vals}
            rows.append(
                tuple(
                    convert(vals.get(name, False))
                    for name, convert in zip(names, converters, strict=True)
                )
            )
        insert = SQL(
            "INSERT INTO %s (%s) VALUES %s ON CONFLICT DO NOTHING RETURNING %s",
            SQL.identifier(model._table),
            SQL(", ").join(map(SQL.identifier, names)),
            SQL(", ").join(rows),
            SQL("*") if together else SQL("id"),
        )
        result = env.execute_query(together(insert) if together else insert)
        ids.extend(row_id for (row_id,) in result)
    records = model.browse(ids)
    # caches that a create() would have brought up to date
    for field in model_fields:
        for inverse in model.pool.field_inverses[field]:
            env[inverse.model_name].invalidate_model([inverse.name], flush=False)
    records.modified(names, create=True)
    # what was given is not computed again
    for name in given:
        field = model._fields[name]
        if field.compute and field.store:
            env.remove_to_compute(field, records)
    return records


def _converter(field, model):
    """What turns a value of ``field`` into what its column takes; the same value is turned once."""
    known = {}

    def convert(value):
        try:
            return known[value]
        except KeyError:
            known[value] = column = field.convert_to_column_insert(
                field.convert_to_write(field.convert_to_cache(value, model), model), model
            )
            return column
        except TypeError:  # no key: lists, dictionaries
            return field.convert_to_column_insert(
                field.convert_to_write(field.convert_to_cache(value, model), model), model
            )

    return convert
