"""Runs the steps on the connection that the store hands over, inside the transaction that it opened."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()
