"""Erases a person's words everywhere, on the request and the approval of two people, and certifies it, for `care erase` (docs/adr/0040).

The Community Point of Access publishes a record without words. When every service has applied it, the owner of the database erases the
rest, in one transaction for each context.

Invariant: what the product owes the person stays: status, owner and deadline of all that is open.
"""
