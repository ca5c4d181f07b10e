"""What can go wrong, in words that callers may see. Their HTTP status is in `app.api.problems`."""

from pathlib import Path
from typing import ClassVar


class FarsightError(Exception):
    """Base of every error that Farsight raises on purpose.

    Args:
        detail: What happened and what to do, without paths, secrets or biometric data.
        paths: Where it was looked for. Shown at the terminal, never in an answer or a log.
        facts: Further members for the problem document, JSON values.
    """

    code: ClassVar[str] = "farsight_error"
    title: ClassVar[str] = "Farsight cannot do this"
    names_nobody: ClassVar[bool] = False
    """Whether the detail may be logged: it holds no `user_id`, nor anything else a caller sent."""

    def __init__(self, detail: str, *paths: Path, **facts: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.paths = paths
        self.facts = facts


class UnusablePhotoError(FarsightError):
    """A photo that cannot be searched for faces; others of the same request can."""

    code = "unusable_photo"
    title = "The photo cannot be used"


class UnreadableImageError(UnusablePhotoError):
    """The bytes are not an image that can be decoded."""

    code = "unreadable_image"
    title = "The photo cannot be read"


class ImageTooLargeError(UnusablePhotoError):
    """More bytes, or a header that announces more pixels, than the limit; nothing was decoded."""

    code = "image_too_large"
    title = "The photo is too large"


class BundleError(FarsightError):
    """A bundle is missing, damaged, or does not fit."""

    code = "bundle_invalid"
    title = "The bundle cannot be used"
    names_nobody = True


class DeviceError(FarsightError):
    """The device asked for is not there."""

    code = "device_unavailable"
    title = "The device cannot be used"
    names_nobody = True


class LandmarksError(FarsightError):
    """Five points that cannot be a face's: all in one place, not finite, mirrored."""

    code = "landmarks_invalid"
    title = "The landmarks are not those of a face"


class ModelFileError(FarsightError):
    """A network's file is missing, damaged, or cannot be fetched."""

    code = "model_file_unavailable"
    title = "A file of a network cannot be used"
    names_nobody = True


class EvaluationError(FarsightError):
    """Photos, pairs or options from which no figure can be computed."""

    code = "evaluation_invalid"
    title = "The evaluation cannot be done"


class PhotoFolderError(FarsightError):
    """A folder of another shape than a command takes, or an empty one; told with the next step."""

    code = "photo_folder_unusable"
    title = "The folder of photos cannot be used"


class PeopleListError(FarsightError):
    """A list of people beside their folders that cannot be used as it is."""

    code = "people_list_invalid"
    title = "The list of people cannot be used"


class SettingsError(FarsightError):
    """A setting that prevents the service from starting."""

    code = "settings_invalid"
    title = "The settings cannot be used"
    names_nobody = True


class SpaceMismatchError(FarsightError):
    """People are enrolled in another space than the bundle's; the service does not start."""

    code = "space_mismatch"
    title = "The enrolled people belong to another space"


class OverloadedError(FarsightError):
    """As many requests as allowed are being answered already; try again soon."""

    code = "overloaded"
    title = "Too many requests at once"


class RateLimitedError(FarsightError):
    """The caller's limit per minute is reached; `facts["retry_after_s"]` says when to retry."""

    code = "rate_limited"
    title = "Rate limit exceeded"


class BodyTooLargeError(FarsightError):
    """The body of the request is larger than this route takes; it was not read."""

    code = "body_too_large"
    title = "The request body is too large"


class UnsupportedMediaTypeError(FarsightError):
    """A body of a media type that the operation does not take."""

    code = "unsupported_media_type"
    title = "The content type is not supported"


class BodyTooSlowError(FarsightError):
    """The body of the request did not arrive in time."""

    code = "body_too_slow"
    title = "The request body came too slowly"


class CallerGoneError(FarsightError):
    """The caller hung up before there was an answer; nobody reads this error."""

    code = "caller_gone"
    title = "The caller has gone"


class DeadlineExceededError(FarsightError):
    """The networks did not get to the request's photos in time."""

    code = "deadline_exceeded"
    title = "The request took too long"


class NotReadyError(FarsightError):
    """A part of the service does not work as it should."""

    code = "not_ready"
    title = "The service is not ready"
    names_nobody = True


class UnauthenticatedError(FarsightError):
    """No key, or one that is unknown or revoked."""

    code = "unauthenticated"
    title = "A valid API key is needed"


class MissingScopeError(FarsightError):
    """The key is valid, but not for this."""

    code = "missing_scope"
    title = "The API key lacks a scope"


class InvalidRequestError(FarsightError):
    """Fields that are each valid but do not make a valid request together."""

    code = "invalid_request"
    title = "The request is not valid"


class TooManyPhotosError(FarsightError):
    """More photos in one request than the limit."""

    code = "too_many_photos"
    title = "Too many photos"


class NoFaceError(FarsightError):
    """A photo that must show a face shows none."""

    code = "no_face"
    title = "No face was found"


class TooFewPhotosError(FarsightError):
    """Fewer usable photos than needed; `facts["photos"]` says why, photo by photo."""

    code = "too_few_photos"
    title = "Too few usable photos"


class LastPhotosError(FarsightError):
    """Without this photo the user would have fewer than a user needs."""

    code = "last_photos"
    title = "The user needs this photo"


class DuplicatePersonError(FarsightError):
    """The face already belongs to another user."""

    code = "duplicate_person"
    title = "This person is already registered"


class UserExistsError(FarsightError):
    """The `user_id` is taken."""

    code = "user_exists"
    title = "The user_id is taken"


class UserNotFoundError(FarsightError):
    """No user has this `user_id`."""

    code = "user_not_found"
    title = "User not found"


class PhotoNotFoundError(FarsightError):
    """The user has no photo of this `photo_id`."""

    code = "photo_not_found"
    title = "Photo not found"


class KeptFaceNotFoundError(FarsightError):
    """No face is kept for review under this id, or not any more."""

    code = "kept_face_not_found"
    title = "No such face is kept for review"


class PhotoRefusedError(FarsightError):
    """A photo cannot become another user's; `facts["reason"]` says why."""

    code = "photo_refused"
    title = "The photo cannot be this user's"


class CropNotKeptError(FarsightError):
    """The crop of a stored photo was not kept, or the user has no photo."""

    code = "crop_not_kept"
    title = "No crop is kept"


class IdempotencyConflictError(FarsightError):
    """An `Idempotency-Key` came again with another request."""

    code = "idempotency_conflict"
    title = "The Idempotency-Key was used for another request"


class PersonErasedError(FarsightError):
    """An `Idempotency-Key` came again after the erasure of the user whom it had registered."""

    code = "person_erased"
    title = "The user whom this request registered was erased"


class GroupForbiddenError(FarsightError):
    """The API key is bound to other groups."""

    code = "group_forbidden"
    title = "The API key is bound to other groups"


class KeyNotFoundError(FarsightError):
    """No API key has this id."""

    code = "key_not_found"
    title = "API key not found"


class LastAdminKeyError(FarsightError):
    """Without this key nobody could use the admin routes."""

    code = "last_admin_key"
    title = "This is the last key with the scope admin"


class GalleryFileError(FarsightError):
    """A gallery file is damaged, too large, of another kind, or does not fit."""

    code = "gallery_file_invalid"
    title = "The gallery file cannot be used"


class BundleNotFoundError(BundleError):
    """The store has no bundle of this name."""

    code = "bundle_not_found"
    title = "Bundle not found"


class JobNotFoundError(FarsightError):
    """No job has this id."""

    code = "job_not_found"
    title = "Job not found"


class ReloadRunningError(FarsightError):
    """One reload at a time; `facts["job_id"]` is the running one."""

    code = "reload_running"
    title = "A reload is running already"


class ReloadRefusedError(FarsightError):
    """A reload that cannot be done or undone with what is stored."""

    code = "reload_refused"
    title = "The weights cannot be changed like this"


class CropsNotRetainedError(ReloadRefusedError):
    """People whose crops were not kept cannot be embedded again."""

    code = "crops_not_retained"
    title = "Enrolled people cannot be moved to another space"


class GateError(FarsightError):
    """The new bundle has collapsed or is worse; `facts` has the figures."""

    code = "gate_refused"
    title = "The bundle is not good enough to replace the serving one"


class NoFormerBundleError(FarsightError):
    """There is no bundle to go back to."""

    code = "no_former_bundle"
    title = "There is nothing to roll back to"


class JobLostError(FarsightError):
    """Another process works on the job now, or it has ended."""

    code = "job_lost"
    title = "Another process has the job now"


class OutOfMemoryError(FarsightError):
    """There is too little memory for what was asked."""

    code = "out_of_memory"
    title = "There is not enough memory"
    names_nobody = True


class ReloadFailedError(FarsightError):
    """A reload has failed; the previous bundle is still in use."""

    code = "reload_failed"
    title = "The reload has failed"


class MislabelledError(FarsightError):
    """Enrolled photos show another enrolled user; figures computed from them would be wrong."""

    code = "photos_mislabelled"
    title = "Enrolled photos belong to somebody else"
