"""The database: its tables and migrations, and one file for each subject that the service keeps."""

from voiceguard.adapters.store.database import StoreError
from voiceguard.adapters.store.store import Cipher, Store

__all__ = ["Cipher", "Store", "StoreError"]
