"""Comments tagged by the words in them."""

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..tools.words import fold, has_word, split_words

#: Comments that are tagged anew in one go.
BATCH = 1000


class CareSurveyTag(models.Model):
    """What comments are about: set by words that an administrator lists."""

    _name = "care.survey.tag"
    _description = "Tag of survey comments"
    _order = "sequence, name, id"

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    color = fields.Integer(default=0)
    active = fields.Boolean(default=True)
    word_ids = fields.One2many("care.survey.tag.words", "tag_id", "Words", copy=True)
    comment_count = fields.Integer("Comments", compute="_compute_comment_count")

    def _compute_comment_count(self):
        counts = dict(
            self.env["care.survey.invitation"]._read_group(
                [("tag_ids", "in", self.ids)], ["tag_ids"], ["__count"]
            )
        )
        for tag in self:
            tag.comment_count = counts.get(tag, 0)

    def action_open_comments(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "customer_care_survey.care_survey_comment_action"
        )
        action["domain"] = [("said", "!=", False), ("tag_ids", "in", self.ids)]
        action["context"] = {}
        return action

    def action_tag_again(self):
        """Tag what was written earlier by the words as they are now."""
        self.check_access("write")
        # sudo: tags belong to the engine; of the user's own companies
        rows = self.env["care.survey.invitation"].sudo()
        last = 0
        while found := rows.search(
            [
                ("said", "!=", False),
                ("company_id", "in", self.env.companies.ids),
                ("id", ">", last),
            ],
            order="id",
            limit=BATCH,
        ):
            found._tag()
            last = found[-1].id
        return True

    @api.model
    def _lists(self):
        """The words of all tags: a list of (tag, code of the language or False, folded words)."""
        return [
            (line.tag_id, line.lang_id.code, split_words(line.words))
            for line in self.env["care.survey.tag.words"].search([("tag_id.active", "=", True)])
        ]


class CareSurveyTagWords(models.Model):
    """The words of a tag in one language."""

    _name = "care.survey.tag.words"
    _description = "Words of a tag"
    _order = "tag_id, lang_id, id"
    _rec_name = "words"

    tag_id = fields.Many2one("care.survey.tag", required=True, ondelete="cascade", index=True)
    lang_id = fields.Many2one(
        "res.lang",
        "Language",
        ondelete="cascade",
        domain="[('active', '=', True)]",
        help="The language of the person who wrote; empty: whatever they speak.",
    )
    words = fields.Text(
        required=True,
        help="Whole words or phrases, one a line or separated by commas. Capitals and accents "
        "make no difference.",
    )

    _lang_uniq = models.UniqueIndex(
        "(tag_id, COALESCE(lang_id, 0))",
        "This tag has a list for this language already: add the words there.",
    )

    @api.constrains("words")
    def _check_words(self):
        for line in self:
            if not split_words(line.words):
                raise ValidationError(
                    self.env._("Write at least one word for “%s”.", line.tag_id.name)
                )


class CareSurveyInvitation(models.Model):
    _inherit = "care.survey.invitation"  # pylint: disable=consider-merging-classes-inherited

    said = fields.Text(
        "Comment", readonly=True, copy=False, help="All that was written in free words."
    )
    tag_ids = fields.Many2many(
        "care.survey.tag",
        "care_survey_invitation_tag_rel",
        "invitation_id",
        "tag_id",
        string="Tags",
        readonly=True,
        copy=False,
    )

    def _act_on_answers(self):
        self._take_comments()
        return super()._act_on_answers()

    def _take_comments(self):
        """Keep what was written, and tag it."""
        for row in self:
            said = row.user_input_id._care_words()
            # the answer may be gone already: what was kept of it stays
            if said and said != row.said:
                row.said = said
        self.filtered("said")._tag()

    def _tag(self):
        lists = self.env["care.survey.tag"]._lists()
        if not lists and not self.tag_ids:
            return
        for row in self:
            # sudo: the language in which it was answered
            lang = row.sudo().user_input_id.lang_id.code or row.partner_id.lang
            text = fold(row.said)
            tags = {
                tag.id
                for tag, code, words in lists
                if code in (False, lang) and any(has_word(text, word) for word in words)
            }
            if tags != set(row.tag_ids.ids):
                row.tag_ids = [fields.Command.set(sorted(tags))]


class CareCase(models.Model):
    _inherit = "care.case"  # pylint: disable=consider-merging-classes-inherited

    def _anonymize_linked(self, scrubbers):
        result = super()._anonymize_linked(scrubbers)
        for row, scrub in self._scrubbed_answers(scrubbers).items():
            if row.said:
                row.said = scrub(row.said)
        return result
