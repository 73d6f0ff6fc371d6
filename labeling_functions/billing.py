"""Messages about money: invoices, charges, plans and prices."""

import re

from labelkit import keywords, regex

# People who need a piece of paper name the paper. "contract" and "tax" also turn up in stories about
# clients and deadlines, but far more often on the way to an invoice.
keywords(
    "billing_paperwork",
    [
        "invoice", "invoices", "invoiced", "receipt", "receipts", "credit note", "purchase order", "pro forma",
        "quote", "quoted", "quotation", "statement", "contract", "VAT", "tax", "tax number", "billing", "accountant",
        "accounting", "bookkeeper", "auditor", "procurement", "treasurer"
    ],
    label="billing",
)  # fmt: skip

# Money that moved, or should move back. "pay" alone is weaker than it looks: "I'd pay for a dark mode"
# is a feature request, which is why the wishes in features.py get to disagree with this one.
keywords(
    "money_moved",
    [
        "charge", "charges", "charged", "overcharged", "bill", "billed", "debit", "debited", "deposit", "refund",
        "refunds", "refunded", "reimburse", "chargeback", "money back", "money", "fee", "fees", "pay", "pays", "paid",
        "paying", "payment", "payments", "owe", "bank", "paypal", "dollars", "pounds", "euros"
    ],
    label="billing",
)  # fmt: skip

# What people do with a subscription. "plan" is left out on purpose: everybody plans something here.
keywords(
    "plan_changes",
    [
        "subscription", "unsubscribe", "unsubscribed", "cancel", "cancelled", "renew", "renews", "renewal", "upgrade",
        "downgrade", "downgraded", "downgrading", "trial", "autopay", "seat", "seats", "licences", "annual",
        "annually", "yearly", "monthly", "go pro", "pro plan", "team plan", "from pro", "pro renewal"
    ],
    label="billing",
)  # fmt: skip

# Questions before buying. Small words, so the pattern asks for them in their usual company.
regex(
    "asks_the_price",
    r"\bhow much (?:is|for|does|would)\b|\bwhat (?:do|does|would|will) .{0,20}\b(?:pay|cost)\b|\bcosts?\b"
    r"|\b(?:price|prices|pricing|cheaper|cheapest|discount|coupon|tariff)\b|\bpromo code\b"
    r"|\b(?:student|charity|education|reduced|old) rate\b|\bnon[- ]?profits?\b",
    label="billing",
    flags=re.IGNORECASE,
)

# An amount with its currency, or with cents, which version numbers do not have.
# Knows nothing of "the 816" or "11 a head".
regex(
    "amount_of_money",
    r"[$€£]\s?\d|\b\d[\d,.]*\s?(?:€|£|eur|euros?|dollars?|pounds?|quid)(?!\w)|(?<![\w.])\d{1,4}\.\d\d(?![\d.])",
    label="billing",
    flags=re.IGNORECASE,
)
