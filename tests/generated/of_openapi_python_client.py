"""Registers and identifies by the client that openapi-python-client has made.

URL, KEY, USER_ID, three photos of the user, one more, and one of a stranger.
"""

import json
import sys
from io import BytesIO
from pathlib import Path

from of_python_client import AuthenticatedClient
from of_python_client.api.identify import identify
from of_python_client.api.users import register_user
from of_python_client.models import Identification, IdentifyForm, RegisterUserForm, Registration
from of_python_client.types import File

url, key, user_id, *paths = sys.argv[1:]
photos = [
    File(payload=BytesIO(Path(path).read_bytes()), file_name=path, mime_type="image/jpeg")
    for path in paths
]
client = AuthenticatedClient(base_url=url, token=key)
registered = register_user.sync(
    client=client, body=RegisterUserForm(user_id=user_id, photos=photos[:3])
)
assert isinstance(registered, Registration), registered
identified = identify.sync(client=client, body=IdentifyForm(photos=photos[3:]))
assert isinstance(identified, Identification), identified
accepted = [photo.accepted for photo in registered.photos]
sys.stdout.write(json.dumps([accepted, [face.user_id for face in identified.faces]]))
