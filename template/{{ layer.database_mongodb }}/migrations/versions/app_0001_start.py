"""The start of your own migrations.

Make the next one by hand beside this one: app_0002_customers.py, with the same two functions, and
`depends_on = ("orders_0001",)` where it needs what another branch has made. A run that was
interrupted is run again: let each step bear that.
"""


async def upgrade(database):
    pass


async def downgrade(database):
    pass
