from odoo.tests import TransactionCase, tagged

from ..tools.interval import bound_sql, difference, wilson
from ..tools.words import fold, has_word, split_words


@tagged("post_install", "-at_install")
class TestInterval(TransactionCase):
    def test_wilson_against_published_values(self):
        # Newcombe 1998: 81 of 263, 15 of 148, 0 of 20, 1 of 29
        for hits, count, low, high in (
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ):
            with self.subTest(hits=hits, count=count):
                found = wilson(hits, count)
                self.assertAlmostEqual(found[0], low, places=4)
                self.assertAlmostEqual(found[1], high, places=4)

    def test_difference_holds_what_was_found_and_never_leaves_the_scale(self):
        for count in range(1, 15):
            for first in range(count + 1):
                for second in range(count - first + 1):
                    low, high = difference(first, second, count)
                    found = (first - second) / count
                    self.assertLessEqual(-1, low)
                    self.assertLessEqual(low, found + 1e-9)
                    self.assertLessEqual(found, high + 1e-9)
                    self.assertLessEqual(high, 1)
                    # turned round it is the same
                    self.assertAlmostEqual(low, -difference(second, first, count)[1])

    def test_more_answers_are_surer(self):
        widths = [
            high - low for low, high in (difference(5 * n, 2 * n, 10 * n) for n in (1, 4, 16))
        ]
        self.assertEqual(widths, sorted(widths, reverse=True))

    def test_database_works_it_out_as_python_does(self):
        for is_nps in (True, False):
            for first, second, count in (
                *((0, 0, 1), (1, 0, 1), (0, 1, 1), (5, 5, 10), (10, 0, 10), (0, 10, 10)),
                *((50, 20, 100), (3, 1, 7), (1, 998, 1000)),
            ):
                expected = difference(first, second, count) if is_nps else wilson(first, count)
                ends = [
                    bound_sql(end, str(first), str(second), str(count), str(is_nps))
                    for end in ("low", "high")
                ]
                self.env.cr.execute(f"SELECT {ends[0]}, {ends[1]}")
                for found, wanted in zip(self.env.cr.fetchone(), expected, strict=True):
                    self.assertAlmostEqual(found, 100 * wanted, places=4)

    def test_whole_words_whatever_case_and_accents(self):
        text = fold("Très  TARDIF, le délai; straße")
        for word in ("tardif", "Délai", "delai", "TRES tardif", "Strasse"):
            self.assertTrue(has_word(text, fold(word)), word)
        for word in ("tard", "elai", "rasse", "le le"):
            self.assertFalse(has_word(text, fold(word)), word)
        self.assertEqual(split_words("Late, late;\n waited  long\n,"), ["late", "waited long"])
