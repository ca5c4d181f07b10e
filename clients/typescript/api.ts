export interface paths {
    "/v1/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List Users
         * @description Lists users, all or those that match a search, page by page.
         */
        get: operations["list_users"];
        put?: never;
        /**
         * Register User
         * @description Registers a person from photos.
         */
        post: operations["register_user"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users/{user_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get User
         * @description Shows a user and their stored photos.
         */
        get: operations["get_user"];
        /**
         * Put User
         * @description Registers a person; an existing user with this id is replaced and erased.
         */
        put: operations["put_user"];
        post?: never;
        /**
         * Erase User
         * @description Erases a user: rows, crops, embeddings and templates are overwritten.
         */
        delete: operations["erase_user"];
        options?: never;
        head?: never;
        /**
         * Change User
         * @description Changes display name, metadata or groups.
         */
        patch: operations["change_user"];
        trace?: never;
    };
    "/v1/users/{user_id}/likeness": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show Likeness
         * @description Shows how alike a user's photos are to each other, and the user to others.
         */
        get: operations["show_likeness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users/{user_id}/merge": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Merge Users
         * @description Moves all photos of another user to this one, and erases the other.
         */
        post: operations["merge_users"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users/{user_id}/erasure": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show Erasure
         * @description Shows whether erased data of a user may still be on the disk.
         */
        get: operations["show_erasure"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users/{user_id}/photos": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Add Photos
         * @description Adds photos and updates the template.
         */
        post: operations["add_photos"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users/{user_id}/photos/{photo_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Delete Photo
         * @description Erases a photo and updates the template. A user keeps the minimum of photos.
         */
        delete: operations["delete_photo"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users/{user_id}/photos/{photo_id}/move": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Move Photo
         * @description Makes a photo another user's; both templates follow. A user keeps the minimum of photos.
         */
        post: operations["move_photo"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users/{user_id}/photos/{photo_id}/crop": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show Crop
         * @description The face of a stored photo, as it was aligned. The audit log records who asked.
         */
        get: operations["show_crop"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users/{user_id}/thumbnail": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show Thumbnail
         * @description The largest face that is stored of a user. The audit log records who asked.
         */
        get: operations["show_thumbnail"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/identify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Identify
         * @description Identifies every face of every photo; a stranger's `user_id` is null.
         */
        post: operations["identify"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/clips": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Identify Clip
         * @description Tells who passes in a clip, once for each visit. `/v1/watch` is a socket for live frames.
         */
        post: operations["identify_clip"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/verify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Verify
         * @description Compares the largest face of a photo with a user, a stored photo, or another photo.
         */
        post: operations["verify"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/kept-faces": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List Kept Faces
         * @description Lists faces of recent identifications, newest first; none unless a setting keeps them.
         */
        get: operations["list_kept_faces"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/kept-faces/clusters": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List Clusters
         * @description Puts kept faces of strangers together by likeness: each cluster is probably one person.
         */
        get: operations["list_clusters"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/kept-faces/{face_id}/crop": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show Kept Face
         * @description A kept face, as it was aligned. The audit log records who asked.
         */
        get: operations["show_kept_face"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/kept-faces/assign": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Assign Faces
         * @description Says whose kept faces are. Those that are good enough become photos of that user.
         */
        post: operations["assign_faces"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/kept-faces/dismiss": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Dismiss Faces
         * @description Deletes kept faces.
         */
        post: operations["dismiss_faces"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/faces": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Find Faces
         * @description Finds faces: boxes, landmarks, size and quality, but not whose they are.
         */
        post: operations["find_faces"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/faces/pictures": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Show Faces
         * @description Shows the faces of a photo as the networks see them: aligned, and restored by DSR.
         */
        post: operations["show_faces"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/embeddings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Embed Faces
         * @description Turns faces into vectors, for those who search elsewhere. They are biometric data.
         */
        post: operations["embed_faces"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/gallery/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Export Gallery File
         * @description Exports everybody to one file, bound to the space of the serving bundle.
         */
        get: operations["export_gallery_file"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/gallery/import": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Import Gallery File
         * @description Imports everybody in a gallery file, or nobody.
         *
         *     A file of another space needs crops, which are then embedded anew.
         */
        post: operations["import_gallery_file"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/admin/bundles": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List Bundles
         * @description Lists the bundles of the store, and checks the files of each.
         */
        get: operations["list_bundles"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/admin/thresholds": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List Thresholds
         * @description Lists the thresholds in use, and how often a stranger is taken for somebody.
         */
        get: operations["list_thresholds"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/admin/reload": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Reload
         * @description Starts a reload of another bundle. Follow it by the answer's `id`.
         */
        post: operations["reload"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/admin/rollback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Roll Back
         * @description Goes back to the previous bundle at once.
         */
        post: operations["roll_back"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/admin/jobs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List Jobs
         * @description Lists the latest reloads, newest first.
         */
        get: operations["list_jobs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/admin/jobs/{job_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show Job
         * @description Shows the state of a reload.
         */
        get: operations["show_job"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/admin/jobs/{job_id}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Watch Job
         * @description The same as server-sent events, one for each change.
         *
         *     It ends with the job, or with the key.
         */
        get: operations["watch_job"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/admin/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List Keys
         * @description Lists all keys, without their secrets.
         */
        get: operations["list_keys"];
        put?: never;
        /**
         * Create Key
         * @description Creates a key. It cannot be shown again.
         */
        post: operations["create_key"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/admin/keys/{key_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Revoke Key
         * @description Revokes a key, from the next request on.
         */
        delete: operations["revoke_key"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/admin/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List Events
         * @description Lists the audit log, newest first.
         */
        get: operations["list_events"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/livez": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Live
         * @description The process answers.
         */
        get: operations["live"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Ready
         * @description Networks and database answered a moment ago, and all threads are alive.
         *
         *     A PostgreSQL that is out of reach makes it 503 only when identification is refused, too.
         */
        get: operations["ready"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show Health
         * @description The same as `/readyz`, under the name that many monitors expect.
         */
        get: operations["show_health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/version": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show Version
         * @description What is running in this process; with any key also the bundle and what the key may do.
         */
        get: operations["show_version"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/photos/review": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Review Photos
         * @description Judges photos of one person as a registration would, and stores nothing.
         */
        post: operations["review_photos"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/thumbnails": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List Thumbnails
         * @description The largest stored face of each of some users. One event in the audit log records them.
         */
        get: operations["list_thumbnails"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** AddPhotosForm */
        AddPhotosForm: {
            /**
             * Photos
             * @description JPEG, PNG, WebP, HEIC, AVIF, TIFF, JPEG 2000, GIF or BMP
             */
            photos: Blob[];
            /**
             * Detect
             * @description false: the photos are already aligned face crops
             * @default true
             */
            detect?: boolean;
            /** @description Of several faces of similar size, `largest` is taken; with `only` the photo is not used. Default: the person in the other photos. Faces three times smaller than the largest never count */
            face?: components["schemas"]["FaceRule"] | null;
            /**
             * Box
             * @description Where the face is in a photo, such as `{"photo": 0, "x": 10, "y": 20, "width": 80, "height": 90}`; faces outside do not count. At most one per photo
             * @default []
             */
            box?: string[];
        };
        /** AddPhotosJson */
        AddPhotosJson: {
            /**
             * Photos
             * @description JPEG, PNG, WebP, HEIC, AVIF, TIFF, JPEG 2000, GIF or BMP
             */
            photos: string[];
            /**
             * Detect
             * @description false: the photos are already aligned face crops
             * @default true
             */
            detect?: boolean;
            /** @description Of several faces of similar size, `largest` is taken; with `only` the photo is not used. Default: the person in the other photos. Faces three times smaller than the largest never count */
            face?: components["schemas"]["FaceRule"] | null;
            /**
             * Box
             * @description Where the face is in a photo, such as `{"photo": 0, "x": 10, "y": 20, "width": 80, "height": 90}`; faces outside do not count. At most one per photo
             * @default []
             */
            box?: components["schemas"]["PhotoBox"][];
        };
        /**
         * Answered
         * @description Which kept faces.
         * @enum {string}
         */
        Answered: "named" | "unknown";
        /**
         * AssignedFace
         * @description What became of a face whose name was said.
         */
        AssignedFace: {
            /**
             * Face Id
             * Format: uuid
             */
            face_id: string;
            /**
             * Photo Id
             * @description Of the photo that it is now; null: it is not used
             */
            photo_id: string | null;
            /**
             * Reason
             * @description Why not: as for photos, or `not_needed` beyond the limit of photos a request
             */
            reason: string | null;
            /** Detail */
            detail: string | null;
            /**
             * Similarity Before
             * @description To the user's template before; null for a new user
             */
            similarity_before: number | null;
            /**
             * Similarity After
             * @description To the template that it is now a part of
             */
            similarity_after: number | null;
        };
        /**
         * Assignment
         * @description What was learned. Faces that are not used keep the name until their time is over.
         */
        Assignment: {
            user: components["schemas"]["User"];
            /**
             * Faces
             * @description In the request's order
             */
            faces: components["schemas"]["AssignedFace"][];
            /**
             * Template Similarity
             * @description Of the former template to the new one; null for a new user
             */
            template_similarity: number | null;
            /**
             * Near Users
             * @description Up to five others who may be mistaken for this user
             */
            near_users: components["schemas"]["Candidate"][];
            /**
             * Alike
             * @description Kept faces of strangers that would get this name now: `face_id`, newest first
             */
            alike: string[];
        };
        /**
         * AssignmentRequest
         * @description Whose faces they are.
         */
        AssignmentRequest: {
            /**
             * Faces
             * @description `face_id` of kept faces
             */
            faces: string[];
            /**
             * User Id
             * @description Chosen by the client: 1 to 64 letters, digits, `.`, `_`, `@`, `-`
             */
            user_id: string;
            /**
             * New
             * @description true: register a new user; false: they are a registered user's
             * @default false
             */
            new?: boolean;
            /**
             * Display Name
             * @description Of a new user
             */
            display_name?: string | null;
            /**
             * Allow Duplicate
             * @description Register even if the face belongs to somebody else
             * @default false
             */
            allow_duplicate?: boolean;
        };
        /**
         * Box
         * @description In px of the upright photo.
         */
        Box: {
            /** X */
            x: number;
            /** Y */
            y: number;
            /** Width */
            width: number;
            /** Height */
            height: number;
        };
        /**
         * Bundle
         * @description A bundle of the store.
         */
        Bundle: {
            /** Name */
            name: string;
            state: components["schemas"]["BundleState"];
            /**
             * Reason
             * @description Why it is broken
             */
            reason: string | null;
            /** Space */
            space: string | null;
            /** Created At */
            created_at: string | null;
            /**
             * Network
             * @description The variant of EdgeFace
             */
            network: string | null;
            /**
             * Dsr
             * @description Whether small faces are restored first
             */
            dsr: boolean | null;
            /** Metrics */
            metrics: components["schemas"]["SizeMetrics"][];
        };
        /**
         * BundleList
         * @description All bundles of the store, by name.
         */
        BundleList: {
            /** Items */
            items: components["schemas"]["Bundle"][];
            /**
             * Next Cursor
             * @description Always null: there is one page
             */
            next_cursor: string | null;
        };
        /**
         * BundleState
         * @description The state of a bundle in the store.
         * @enum {string}
         */
        BundleState: "serving" | "former" | "available" | "broken";
        /**
         * Candidate
         * @description A user and how similar they are; not an identification.
         */
        Candidate: {
            /** User Id */
            user_id: string;
            /** Similarity */
            similarity: number;
        };
        /**
         * Clip
         * @description Who passes in a clip.
         */
        Clip: {
            /**
             * Visits
             * @description In the order in which they ended
             */
            visits: components["schemas"]["Visit"][];
            /**
             * Frames
             * @description How many were looked at
             */
            frames: number;
            /**
             * Seconds
             * @description When the last of them is
             */
            seconds: number;
            /** Bundle */
            bundle: string;
            /** Space */
            space: string;
        };
        /**
         * Cluster
         * @description Faces that are probably one stranger's, largest first.
         */
        Cluster: {
            /** Faces */
            faces: components["schemas"]["KeptFace"][];
        };
        /**
         * ClusterList
         * @description Strangers, those with most faces first.
         */
        ClusterList: {
            /** Items */
            items: components["schemas"]["Cluster"][];
            /**
             * Next Cursor
             * @description Always null: assign or dismiss what is shown
             */
            next_cursor: string | null;
            /**
             * Total
             * @description Clusters of the newest 2,000 faces, also those not shown
             */
            total: number;
            /**
             * Keep Hours
             * @description For so long faces are kept (FARSIGHT_REVIEW__KEEP_HOURS); 0: none is
             */
            keep_hours: number;
        };
        /**
         * CreatedKey
         * @description A new key, shown only this once.
         */
        CreatedKey: {
            /** Key */
            key: string;
        };
        /**
         * Dismissal
         * @description Faces that were deleted.
         */
        Dismissal: {
            /** Dismissed */
            dismissed: number;
            /**
             * Pending
             * @description true: they may still be on the disk, because somebody reads an older state
             */
            pending: boolean;
        };
        /**
         * DismissalRequest
         * @description Faces that nobody wants to name.
         */
        DismissalRequest: {
            /**
             * Faces
             * @description `face_id` of kept faces
             */
            faces: string[];
        };
        /** EmbedFacesForm */
        EmbedFacesForm: {
            /**
             * Photos
             * @description One or several
             */
            photos: Blob[];
            /**
             * Max Faces
             * @description At most this many per photo, largest first
             * @default 10
             */
            max_faces?: number;
            /**
             * Skip Faces
             * @description Skip this many larger ones, such as those of earlier pages; up to faces_found
             * @default 0
             */
            skip_faces?: number;
            /**
             * Detect
             * @description false: the photos are already aligned face crops
             * @default true
             */
            detect?: boolean;
            /**
             * Min Face Px
             * @description The smallest face_px to look for. Default: a setting (16), raised for large photos, see searched_from_px. A value given here is kept, or refused for photos too large for it
             */
            min_face_px?: number | null;
        };
        /** EmbedFacesJson */
        EmbedFacesJson: {
            /**
             * Photos
             * @description One or several
             */
            photos: string[];
            /**
             * Max Faces
             * @description At most this many per photo, largest first
             * @default 10
             */
            max_faces?: number;
            /**
             * Skip Faces
             * @description Skip this many larger ones, such as those of earlier pages; up to faces_found
             * @default 0
             */
            skip_faces?: number;
            /**
             * Detect
             * @description false: the photos are already aligned face crops
             * @default true
             */
            detect?: boolean;
            /**
             * Min Face Px
             * @description The smallest face_px to look for. Default: a setting (16), raised for large photos, see searched_from_px. A value given here is kept, or refused for photos too large for it
             */
            min_face_px?: number | null;
        };
        /**
         * EmbeddedFace
         * @description A face and its embedding.
         */
        EmbeddedFace: {
            box: components["schemas"]["Box"];
            /**
             * Landmarks
             * @description Left eye, right eye, nose, left and right mouth corner; image left first
             */
            landmarks: [
                number,
                number
            ][];
            /**
             * Face Px
             * @description Source pixels under the side of the aligned crop
             */
            face_px: number;
            /**
             * Route
             * @enum {string}
             */
            route: "direct" | "dsr";
            quality: components["schemas"]["Quality"];
            /**
             * Photo
             * @description The photo's place in the request, from 0
             */
            photo: number;
            /**
             * Embedding
             * @description Of unit length; the dot product of two is their similarity
             */
            embedding: number[];
        };
        /**
         * Embeddings
         * @description The faces of some photos as vectors. Compare them only with others of the same space.
         */
        Embeddings: {
            /**
             * Faces
             * @description By photo, largest first
             */
            faces: components["schemas"]["EmbeddedFace"][];
            /**
             * Photos
             * @description In the request's order
             */
            photos: components["schemas"]["SearchedPhoto"][];
            /** Bundle */
            bundle: string;
            /** Space */
            space: string;
            /** Timings Ms */
            timings_ms: {
                [key: string]: number;
            };
        };
        /**
         * Erasure
         * @description Whether erased data of a user may still be on the disk.
         */
        Erasure: {
            /** User Id */
            user_id: string;
            /**
             * Pending
             * @description true: somebody reads the database; the service tries again
             */
            pending: boolean;
            /**
             * Erased At
             * @description When it was erased; null once nothing is left
             */
            erased_at: string | null;
        };
        /**
         * Event
         * @description Who did what to whom.
         */
        Event: {
            /**
             * At
             * Format: date-time
             */
            at: string;
            /**
             * Actor
             * @description A key's id, or `command-line`
             */
            actor: string;
            /**
             * Action
             * @description Such as `user.erased`
             */
            action: string;
            /** Subject */
            subject: string;
            /** Detail */
            detail: {
                [key: string]: unknown;
            };
        };
        /**
         * EventPage
         * @description One page of the audit log, newest first.
         */
        EventPage: {
            /** Items */
            items: components["schemas"]["Event"][];
            /**
             * Next Cursor
             * @description For the next page; null on the last one
             */
            next_cursor: string | null;
        };
        /**
         * Face
         * @description One face of a photo.
         */
        Face: {
            box: components["schemas"]["Box"];
            /**
             * Landmarks
             * @description Left eye, right eye, nose, left and right mouth corner; image left first
             */
            landmarks: [
                number,
                number
            ][];
            /**
             * Face Px
             * @description Source pixels under the side of the aligned crop
             */
            face_px: number;
            /**
             * Route
             * @enum {string}
             */
            route: "direct" | "dsr";
            quality: components["schemas"]["Quality"];
        };
        /**
         * FaceRule
         * @description What to do with a photo that shows several faces of similar size.
         * @enum {string}
         */
        FaceRule: "largest" | "only";
        /**
         * Faces
         * @description The faces of some photos.
         */
        Faces: {
            /**
             * Faces
             * @description By photo, largest first
             */
            faces: components["schemas"]["PhotoFace"][];
            /**
             * Photos
             * @description In the request's order
             */
            photos: components["schemas"]["SearchedPhoto"][];
            /** Timings Ms */
            timings_ms: {
                [key: string]: number;
            };
        };
        /** FindFacesForm */
        FindFacesForm: {
            /**
             * Photos
             * @description One or several
             */
            photos: Blob[];
            /**
             * Max Faces
             * @description At most this many per photo, largest first
             * @default 10
             */
            max_faces?: number;
            /**
             * Skip Faces
             * @description Skip this many larger ones, such as those of earlier pages; up to faces_found
             * @default 0
             */
            skip_faces?: number;
            /**
             * Min Face Px
             * @description The smallest face_px to look for. Default: a setting (16), raised for large photos, see searched_from_px. A value given here is kept, or refused for photos too large for it
             */
            min_face_px?: number | null;
        };
        /** FindFacesJson */
        FindFacesJson: {
            /**
             * Photos
             * @description One or several
             */
            photos: string[];
            /**
             * Max Faces
             * @description At most this many per photo, largest first
             * @default 10
             */
            max_faces?: number;
            /**
             * Skip Faces
             * @description Skip this many larger ones, such as those of earlier pages; up to faces_found
             * @default 0
             */
            skip_faces?: number;
            /**
             * Min Face Px
             * @description The smallest face_px to look for. Default: a setting (16), raised for large photos, see searched_from_px. A value given here is kept, or refused for photos too large for it
             */
            min_face_px?: number | null;
        };
        /**
         * GalleryImport
         * @description What an import did.
         */
        GalleryImport: {
            /**
             * Added
             * @description New users
             */
            added: number;
            /**
             * Replaced
             * @description Users replaced by the file's
             */
            replaced: number;
            /**
             * Skipped
             * @description Users left as they were
             */
            skipped: number;
            /**
             * Reembedded
             * @description The file was of another space; its crops were embedded anew
             */
            reembedded: boolean;
        };
        /**
         * Identification
         * @description Who is in the photos.
         */
        Identification: {
            /**
             * Faces
             * @description By photo, largest first
             */
            faces: components["schemas"]["IdentifiedFace"][];
            /**
             * Faces Found
             * @description In all photos, including those before skip_faces and beyond max_faces
             */
            faces_found: number;
            /**
             * Photos
             * @description In the request's order
             */
            photos: components["schemas"]["SearchedPhoto"][];
            /** @description With same_person: the answer for all photos together */
            pooled: components["schemas"]["Pooled"] | null;
            /**
             * Visits
             * @description With frames_of=video: everybody in the frames once; at_s and since_s are places of photos in the request
             */
            visits: components["schemas"]["Visit"][] | null;
            /** Bundle */
            bundle: string;
            /** Space */
            space: string;
            /** Timings Ms */
            timings_ms: {
                [key: string]: number;
            };
        };
        /**
         * IdentifiedFace
         * @description A face and whose it is.
         */
        IdentifiedFace: {
            /**
             * User Id
             * @description null for a stranger
             */
            user_id: string | null;
            /**
             * Similarity
             * @description Cosine to the most similar user
             */
            similarity: number | null;
            /**
             * Margin
             * @description How much lower the runner-up's similarity is
             */
            margin: number | null;
            /**
             * Threshold
             * @description Minimum similarity at which user_id is set. Unless the caller chose it, it is higher for a face that resembles strangers, where the bundle knows them
             */
            threshold: number;
            /**
             * Candidates
             * @description As many as top_k asks for, most similar first
             */
            candidates: components["schemas"]["Candidate"][];
            box: components["schemas"]["Box"];
            /**
             * Landmarks
             * @description Left eye, right eye, nose, left and right mouth corner; image left first
             */
            landmarks: [
                number,
                number
            ][];
            /**
             * Face Px
             * @description Source pixels under the side of the aligned crop
             */
            face_px: number;
            /**
             * Route
             * @enum {string}
             */
            route: "direct" | "dsr";
            quality: components["schemas"]["Quality"];
            /**
             * Photo
             * @description The photo's place in the request, from 0
             */
            photo: number;
        };
        /** IdentifyClipForm */
        IdentifyClipForm: {
            /**
             * Clip
             * Format: binary
             * @description A video file of a minute at most
             */
            clip: Blob;
            /**
             * Fps
             * @description Frames a second that are looked at
             * @default 2
             */
            fps?: number;
            /** Threshold */
            threshold?: number | null;
            /**
             * Min Face Px
             * @description The smallest face_px to look for. Default: a setting (16), raised for large photos, see searched_from_px. A value given here is kept, or refused for photos too large for it
             */
            min_face_px?: number | null;
            /**
             * Groups
             * @description As for identify
             * @default []
             */
            groups?: string[];
        };
        /** IdentifyClipJson */
        IdentifyClipJson: {
            /**
             * Clip
             * @description A video file of a minute at most
             */
            clip: string;
            /**
             * Fps
             * @description Frames a second that are looked at
             * @default 2
             */
            fps?: number;
            /** Threshold */
            threshold?: number | null;
            /**
             * Min Face Px
             * @description The smallest face_px to look for. Default: a setting (16), raised for large photos, see searched_from_px. A value given here is kept, or refused for photos too large for it
             */
            min_face_px?: number | null;
            /**
             * Groups
             * @description As for identify
             * @default []
             */
            groups?: string[];
        };
        /** IdentifyForm */
        IdentifyForm: {
            /**
             * Photos
             * @description One or several
             */
            photos: Blob[];
            /** Threshold */
            threshold?: number | null;
            /**
             * Top K
             * @description Candidates to list, whatever their similarity
             * @default 0
             */
            top_k?: number;
            /**
             * Max Faces
             * @description At most this many per photo, largest first
             * @default 10
             */
            max_faces?: number;
            /**
             * Skip Faces
             * @description Skip this many larger ones, such as those of earlier pages; up to faces_found
             * @default 0
             */
            skip_faces?: number;
            /**
             * Detect
             * @description false: the photos are already aligned face crops
             * @default true
             */
            detect?: boolean;
            /**
             * Same Person
             * @description true: the photos are frames of one person, answered together
             * @default false
             */
            same_person?: boolean;
            /**
             * Frames Of
             * @description video: the photos are consecutive frames of a camera; see visits
             */
            frames_of?: "video" | null;
            /**
             * Min Face Px
             * @description The smallest face_px to look for. Default: a setting (16), raised for large photos, see searched_from_px. A value given here is kept, or refused for photos too large for it
             */
            min_face_px?: number | null;
            /**
             * Groups
             * @description Look only for users in one of these. Default: everybody, or the groups that the key is bound to
             * @default []
             */
            groups?: string[];
        };
        /** IdentifyJson */
        IdentifyJson: {
            /**
             * Photos
             * @description One or several
             */
            photos: string[];
            /** Threshold */
            threshold?: number | null;
            /**
             * Top K
             * @description Candidates to list, whatever their similarity
             * @default 0
             */
            top_k?: number;
            /**
             * Max Faces
             * @description At most this many per photo, largest first
             * @default 10
             */
            max_faces?: number;
            /**
             * Skip Faces
             * @description Skip this many larger ones, such as those of earlier pages; up to faces_found
             * @default 0
             */
            skip_faces?: number;
            /**
             * Detect
             * @description false: the photos are already aligned face crops
             * @default true
             */
            detect?: boolean;
            /**
             * Same Person
             * @description true: the photos are frames of one person, answered together
             * @default false
             */
            same_person?: boolean;
            /**
             * Frames Of
             * @description video: the photos are consecutive frames of a camera; see visits
             */
            frames_of?: "video" | null;
            /**
             * Min Face Px
             * @description The smallest face_px to look for. Default: a setting (16), raised for large photos, see searched_from_px. A value given here is kept, or refused for photos too large for it
             */
            min_face_px?: number | null;
            /**
             * Groups
             * @description Look only for users in one of these. Default: everybody, or the groups that the key is bound to
             * @default []
             */
            groups?: string[];
        };
        /** ImportGalleryFileForm */
        ImportGalleryFileForm: {
            /**
             * File
             * Format: binary
             * @description From GET /v1/gallery/export
             */
            file: Blob;
            /**
             * @description What to do with users who already exist
             * @default refuse
             */
            on_conflict?: components["schemas"]["OnConflict"];
        };
        /**
         * Job
         * @description A reload and its state.
         */
        Job: {
            /**
             * Id
             * Format: uuid
             */
            id: string;
            /** Bundle */
            bundle: string;
            /** Space */
            space: string;
            /** Force */
            force: boolean;
            state: components["schemas"]["State"];
            step: components["schemas"]["Step"];
            /**
             * Done
             * @description Photos embedded so far
             */
            done: number;
            /**
             * Total
             * @description Photos to be embedded; 0 before that is known
             */
            total: number;
            /** Rate Per S */
            rate_per_s: number | null;
            /** Time Left S */
            time_left_s: number | null;
            error: components["schemas"]["JobError"] | null;
            /**
             * Report
             * @description The figures that the gate judged by
             */
            report: {
                [key: string]: components["schemas"]["JsonValue"];
            } | null;
            /**
             * Attempts
             * @description How many processes have worked on it
             */
            attempts: number;
            /**
             * Created At
             * Format: date-time
             */
            created_at: string;
            /**
             * Updated At
             * Format: date-time
             */
            updated_at: string;
            /** Finished At */
            finished_at: string | null;
        };
        /**
         * JobError
         * @description Why a job failed; further members depend on the `code`.
         */
        JobError: {
            /** Code */
            code: string;
            /** Detail */
            detail: string;
        } & {
            [key: string]: unknown;
        };
        /**
         * JobList
         * @description The latest jobs, newest first.
         */
        JobList: {
            /** Items */
            items: components["schemas"]["Job"][];
            /**
             * Next Cursor
             * @description Always null: there is one page
             */
            next_cursor: string | null;
        };
        JsonValue: unknown;
        /**
         * KeptFace
         * @description A face of an identification, kept for review.
         */
        KeptFace: {
            /**
             * Face Id
             * Format: uuid
             */
            face_id: string;
            /**
             * Kept At
             * Format: date-time
             */
            kept_at: string;
            /**
             * Key Id
             * @description Whose request it was: a key's id
             */
            key_id: string;
            /**
             * User Id
             * @description null for a stranger
             */
            user_id: string | null;
            /**
             * Assigned
             * @description true: a person has said whose it is
             */
            assigned: boolean;
            /**
             * Similarity
             * @description To the most similar user at that time; null if nobody was registered
             */
            similarity: number | null;
            /**
             * Threshold
             * @description Minimum similarity for a name at that time
             */
            threshold: number;
            /** Face Px */
            face_px: number;
            /**
             * Route
             * @enum {string}
             */
            route: "direct" | "dsr";
            quality: components["schemas"]["Quality"];
            /** Space */
            space: string;
        };
        /**
         * KeptFacePage
         * @description One page of kept faces, newest first.
         */
        KeptFacePage: {
            /** Items */
            items: components["schemas"]["KeptFace"][];
            /**
             * Next Cursor
             * @description For the next page; null on the last one
             */
            next_cursor: string | null;
            /**
             * Keep Hours
             * @description For so long faces are kept (FARSIGHT_REVIEW__KEEP_HOURS); 0: none is
             */
            keep_hours: number;
        };
        /**
         * Key
         * @description A key without its secret.
         */
        Key: {
            /**
             * Id
             * @description Its public half
             */
            id: string;
            /** Scopes */
            scopes: components["schemas"]["Scope"][];
            /**
             * Groups
             * @description The key reaches only users in one of these; null for all users
             */
            groups: string[] | null;
            /** Label */
            label: string;
            /**
             * Created At
             * Format: date-time
             */
            created_at: string;
            /**
             * Last Used At
             * @description To within ten minutes
             */
            last_used_at: string | null;
            /** Expires At */
            expires_at: string | null;
            /** Revoked At */
            revoked_at: string | null;
        };
        /**
         * KeyList
         * @description All keys, revoked ones included, oldest first.
         */
        KeyList: {
            /** Items */
            items: components["schemas"]["Key"][];
            /**
             * Next Cursor
             * @description Always null: there is one page
             */
            next_cursor: string | null;
        };
        /**
         * KeyRights
         * @description What a key may be used for.
         */
        KeyRights: {
            /**
             * Id
             * @description Its public half
             */
            id: string;
            /** Scopes */
            scopes: components["schemas"]["Scope"][];
            /**
             * Groups
             * @description It reaches only users in one of these; null for all users
             */
            groups: string[] | null;
        };
        /**
         * Likeness
         * @description How alike a user's photos are to each other, and the user to others.
         */
        Likeness: {
            /** User Id */
            user_id: string;
            /** Space */
            space: string;
            /**
             * Photos
             * @description The 50 newest, oldest first
             */
            photos: components["schemas"]["PhotoLikeness"][];
            /**
             * Near Users
             * @description Five others, most similar first; with `other` that one alone
             */
            near_users: components["schemas"]["Candidate"][];
        };
        /**
         * Merge
         * @description Who turned out to be the same person.
         */
        Merge: {
            /**
             * Other User Id
             * @description Chosen by the client: 1 to 64 letters, digits, `.`, `_`, `@`, `-`
             */
            other_user_id: string;
        };
        /**
         * Move
         * @description Whose photo it turned out to be.
         */
        Move: {
            /**
             * To User Id
             * @description Chosen by the client: 1 to 64 letters, digits, `.`, `_`, `@`, `-`
             */
            to_user_id: string;
        };
        /**
         * NewKey
         * @description What a new key is for.
         */
        NewKey: {
            /** Scopes */
            scopes: components["schemas"]["Scope"][];
            /**
             * Label
             * @description Who or what it is for
             * @default
             */
            label?: string;
            /**
             * Groups
             * @description Bind the key to these: it sees and names only users who are in one of them, and changes only users who are in no other. Empty: it reaches all users. Not with the scope admin
             * @default []
             */
            groups?: string[];
            /**
             * Expires At
             * @description When it expires; null for never
             */
            expires_at?: string | null;
        };
        /**
         * OnConflict
         * @description What to do with a user who already exists.
         * @enum {string}
         */
        OnConflict: "refuse" | "skip" | "replace";
        /**
         * Order
         * @description In which order users are listed: by registration, or by `user_id`.
         * @enum {string}
         */
        Order: "oldest" | "newest" | "user_id";
        /**
         * Photo
         * @description A stored photo.
         */
        Photo: {
            /**
             * Photo Id
             * Format: uuid
             */
            photo_id: string;
            /** Face Px */
            face_px: number;
            quality: components["schemas"]["Quality"];
            /**
             * Created At
             * Format: date-time
             */
            created_at: string;
        };
        /**
         * PhotoBox
         * @description Where the intended face is, in px of the upright photo.
         */
        PhotoBox: {
            /**
             * Photo
             * @description The photo's place in the request, from 0
             */
            photo: number;
            /** X */
            x: number;
            /** Y */
            y: number;
            /** Width */
            width: number;
            /** Height */
            height: number;
        };
        /**
         * PhotoError
         * @description Why a photo was not searched.
         */
        PhotoError: {
            /**
             * Code
             * @description `unreadable_image` or `image_too_large`
             */
            code: string;
            /** Detail */
            detail: string;
        };
        /**
         * PhotoFace
         * @description A face and the photo it is in.
         */
        PhotoFace: {
            box: components["schemas"]["Box"];
            /**
             * Landmarks
             * @description Left eye, right eye, nose, left and right mouth corner; image left first
             */
            landmarks: [
                number,
                number
            ][];
            /**
             * Face Px
             * @description Source pixels under the side of the aligned crop
             */
            face_px: number;
            /**
             * Route
             * @enum {string}
             */
            route: "direct" | "dsr";
            quality: components["schemas"]["Quality"];
            /**
             * Photo
             * @description The photo's place in the request, from 0
             */
            photo: number;
        };
        /**
         * PhotoLikeness
         * @description How alike a stored photo is to others; similarities.
         */
        PhotoLikeness: {
            /**
             * Photo Id
             * Format: uuid
             */
            photo_id: string;
            /**
             * Template
             * @description To the user's template, which this photo is a part of
             */
            template: number;
            /**
             * Photos
             * @description To every photo in the answer, in its order
             */
            photos: number[];
        };
        /**
         * PhotoMove
         * @description Both users after a photo moved from one to the other.
         */
        PhotoMove: {
            user: components["schemas"]["User"];
            to_user: components["schemas"]["User"];
            /**
             * Similarity Before
             * @description Of the photo to the template of `to_user`, before it was one of theirs
             */
            similarity_before: number;
            /**
             * Similarity After
             * @description The same, now that the template is made of it too
             */
            similarity_after: number;
        };
        /**
         * PhotoReport
         * @description What became of one uploaded photo.
         */
        PhotoReport: {
            /**
             * Index
             * @description Its place in the request, from 0
             */
            index: number;
            /** Filename */
            filename: string | null;
            /** Accepted */
            accepted: boolean;
            reason: components["schemas"]["Rejection"] | null;
            /** Detail */
            detail: string | null;
            /** Face Px */
            face_px: number | null;
            quality: components["schemas"]["Quality"] | null;
            /** Photo Id */
            photo_id: string | null;
            /**
             * Warnings
             * @description Accepted photos can have some too
             */
            warnings: components["schemas"]["PhotoWarning"][];
            /**
             * Boxes
             * @description The intended face, or all that could be it; largest first
             */
            boxes: components["schemas"]["Box"][];
        };
        /**
         * PhotoWarning
         * @description A fault of a photo that is used all the same.
         */
        PhotoWarning: {
            /**
             * Code
             * @description Stable, for programs. `broken_off`: a JPEG whose last rows are missing
             */
            code: string;
            /** Detail */
            detail: string;
        };
        /**
         * PicturedFace
         * @description A face and what the networks see of it: PNG in base64, 112 x 112 px.
         */
        PicturedFace: {
            box: components["schemas"]["Box"];
            /**
             * Landmarks
             * @description Left eye, right eye, nose, left and right mouth corner; image left first
             */
            landmarks: [
                number,
                number
            ][];
            /**
             * Face Px
             * @description Source pixels under the side of the aligned crop
             */
            face_px: number;
            /**
             * Route
             * @enum {string}
             */
            route: "direct" | "dsr";
            quality: components["schemas"]["Quality"];
            /**
             * Photo
             * @description The photo's place in the request, from 0
             */
            photo: number;
            /**
             * Crop
             * @description Aligned; enlarged bicubically if face_px is below 112
             */
            crop: string;
            /**
             * Restored
             * @description What DSR makes of the crop, whatever its route; null if the bundle has no DSR
             */
            restored: string | null;
        };
        /**
         * Pictures
         * @description The faces of a photo as the networks see them.
         */
        Pictures: {
            /**
             * Faces
             * @description Largest first
             */
            faces: components["schemas"]["PicturedFace"][];
            /**
             * Photos
             * @description The photo
             */
            photos: components["schemas"]["SearchedPhoto"][];
            /** Timings Ms */
            timings_ms: {
                [key: string]: number;
            };
        };
        /**
         * Pooled
         * @description Whose face several photos show together.
         */
        Pooled: {
            /**
             * User Id
             * @description null for a stranger, and for photos of several people unless the margin is 0.3 or more
             */
            user_id: string | null;
            /**
             * Similarity
             * @description Cosine to the most similar user
             */
            similarity: number | null;
            /**
             * Margin
             * @description How much lower the runner-up's similarity is
             */
            margin: number | null;
            /**
             * Threshold
             * @description Minimum similarity at which user_id is set. Unless the caller chose it, it is higher for a face that resembles strangers, where the bundle knows them
             */
            threshold: number;
            /**
             * Candidates
             * @description As many as top_k asks for, most similar first
             */
            candidates: components["schemas"]["Candidate"][];
            /**
             * Consistent
             * @description false: the photos are not all of one person
             */
            consistent: boolean;
            /**
             * Outliers
             * @description Photos that show somebody else than most, by their place in the request; all of them if no person is in more than half
             */
            outliers: number[];
        };
        /**
         * Problem
         * @description A problem document; further members depend on the `code`.
         */
        Problem: {
            /**
             * Type
             * @description `urn:farsight:problem:` and the code
             */
            type: string;
            /**
             * Title
             * @description The kind of problem in one sentence
             */
            title: string;
            /** Status */
            status: number;
            /**
             * Detail
             * @description This case in a sentence
             */
            detail: string;
            /**
             * Code
             * @description Stable, for programs
             */
            code: string;
            /** Request Id */
            request_id: string;
        } & {
            [key: string]: unknown;
        };
        /** PutUserForm */
        PutUserForm: {
            /**
             * Photos
             * @description JPEG, PNG, WebP, HEIC, AVIF, TIFF, JPEG 2000, GIF or BMP
             */
            photos: Blob[];
            /** Display Name */
            display_name?: string | null;
            /**
             * Metadata
             * @description A JSON object
             */
            metadata?: string | null;
            /**
             * Allow Duplicate
             * @description Register even if the face belongs to somebody else
             * @default false
             */
            allow_duplicate?: boolean;
            /**
             * Detect
             * @description false: the photos are already aligned face crops
             * @default true
             */
            detect?: boolean;
            /** @description Of several faces of similar size, `largest` is taken; with `only` the photo is not used. Default: the person in the other photos. Faces three times smaller than the largest never count */
            face?: components["schemas"]["FaceRule"] | null;
            /**
             * Box
             * @description Where the face is in a photo, such as `{"photo": 0, "x": 10, "y": 20, "width": 80, "height": 90}`; faces outside do not count. At most one per photo
             * @default []
             */
            box?: string[];
            /**
             * Groups
             * @description Groups of the user. Default: none, or all that the key is bound to
             * @default []
             */
            groups?: string[];
        };
        /** PutUserJson */
        PutUserJson: {
            /**
             * Photos
             * @description JPEG, PNG, WebP, HEIC, AVIF, TIFF, JPEG 2000, GIF or BMP
             */
            photos: string[];
            /** Display Name */
            display_name?: string | null;
            /**
             * Metadata
             * @description A JSON object
             */
            metadata?: {
                [key: string]: boolean | (number) | string | null;
            } | null;
            /**
             * Allow Duplicate
             * @description Register even if the face belongs to somebody else
             * @default false
             */
            allow_duplicate?: boolean;
            /**
             * Detect
             * @description false: the photos are already aligned face crops
             * @default true
             */
            detect?: boolean;
            /** @description Of several faces of similar size, `largest` is taken; with `only` the photo is not used. Default: the person in the other photos. Faces three times smaller than the largest never count */
            face?: components["schemas"]["FaceRule"] | null;
            /**
             * Box
             * @description Where the face is in a photo, such as `{"photo": 0, "x": 10, "y": 20, "width": 80, "height": 90}`; faces outside do not count. At most one per photo
             * @default []
             */
            box?: components["schemas"]["PhotoBox"][];
            /**
             * Groups
             * @description Groups of the user. Default: none, or all that the key is bound to
             * @default []
             */
            groups?: string[];
        };
        /**
         * Quality
         * @description What can be said of a face without recognising it.
         */
        Quality: {
            /**
             * Sharpness
             * @description 0..1, share of the face's pixels that carry detail
             */
            sharpness: number;
            /**
             * Brightness
             * @description 0..1, mean luma
             */
            brightness: number;
            /**
             * Yaw Deg
             * @description Turned to the image's left (negative) or right
             */
            yaw_deg: number;
            /**
             * Pitch Deg
             * @description Looking up (positive) or down
             */
            pitch_deg: number;
            /**
             * Roll Deg
             * @description Tilted, clockwise
             */
            roll_deg: number;
            /**
             * Detection Score
             * @description 0..1, the detector's own
             */
            detection_score: number;
        };
        /** RegisterUserForm */
        RegisterUserForm: {
            /**
             * User Id
             * @description Chosen by the client: 1 to 64 letters, digits, `.`, `_`, `@`, `-`
             */
            user_id: string;
            /**
             * Photos
             * @description JPEG, PNG, WebP, HEIC, AVIF, TIFF, JPEG 2000, GIF or BMP
             */
            photos: Blob[];
            /** Display Name */
            display_name?: string | null;
            /**
             * Metadata
             * @description A JSON object
             */
            metadata?: string | null;
            /**
             * Allow Duplicate
             * @description Register even if the face belongs to somebody else
             * @default false
             */
            allow_duplicate?: boolean;
            /**
             * Detect
             * @description false: the photos are already aligned face crops
             * @default true
             */
            detect?: boolean;
            /** @description Of several faces of similar size, `largest` is taken; with `only` the photo is not used. Default: the person in the other photos. Faces three times smaller than the largest never count */
            face?: components["schemas"]["FaceRule"] | null;
            /**
             * Box
             * @description Where the face is in a photo, such as `{"photo": 0, "x": 10, "y": 20, "width": 80, "height": 90}`; faces outside do not count. At most one per photo
             * @default []
             */
            box?: string[];
            /**
             * Groups
             * @description Groups of the user. Default: none, or all that the key is bound to
             * @default []
             */
            groups?: string[];
        };
        /** RegisterUserJson */
        RegisterUserJson: {
            /**
             * User Id
             * @description Chosen by the client: 1 to 64 letters, digits, `.`, `_`, `@`, `-`
             */
            user_id: string;
            /**
             * Photos
             * @description JPEG, PNG, WebP, HEIC, AVIF, TIFF, JPEG 2000, GIF or BMP
             */
            photos: string[];
            /** Display Name */
            display_name?: string | null;
            /**
             * Metadata
             * @description A JSON object
             */
            metadata?: {
                [key: string]: boolean | (number) | string | null;
            } | null;
            /**
             * Allow Duplicate
             * @description Register even if the face belongs to somebody else
             * @default false
             */
            allow_duplicate?: boolean;
            /**
             * Detect
             * @description false: the photos are already aligned face crops
             * @default true
             */
            detect?: boolean;
            /** @description Of several faces of similar size, `largest` is taken; with `only` the photo is not used. Default: the person in the other photos. Faces three times smaller than the largest never count */
            face?: components["schemas"]["FaceRule"] | null;
            /**
             * Box
             * @description Where the face is in a photo, such as `{"photo": 0, "x": 10, "y": 20, "width": 80, "height": 90}`; faces outside do not count. At most one per photo
             * @default []
             */
            box?: components["schemas"]["PhotoBox"][];
            /**
             * Groups
             * @description Groups of the user. Default: none, or all that the key is bound to
             * @default []
             */
            groups?: string[];
        };
        /**
         * Registration
         * @description A user after photos were added, and a report per photo.
         */
        Registration: {
            user: components["schemas"]["User"];
            /** Photos */
            photos: components["schemas"]["PhotoReport"][];
            /**
             * Near Users
             * @description Up to five others who may be mistaken for this user. Look at both users' photos: faces may be covered, or both may be one person
             */
            near_users: components["schemas"]["Candidate"][];
        };
        /**
         * Rejection
         * @description Why a photo is not used: the first five from `rejection`, the others from callers.
         * @enum {string}
         */
        Rejection: "face_too_small" | "too_blurry" | "too_dark" | "too_bright" | "extreme_pose" | "face_covered" | "no_face" | "multiple_faces" | "outlier" | "duplicate_photo" | "unreadable_image" | "image_too_large";
        /**
         * Reload
         * @description The bundle to serve.
         */
        Reload: {
            /**
             * Bundle
             * @description Its name in the store
             */
            bundle: string;
            /**
             * Force
             * @description Ignore the gate's verdict; the audit log records who did
             * @default false
             */
            force?: boolean;
        };
        /**
         * Review
         * @description What a registration would say of photos; nothing was stored.
         */
        Review: {
            /**
             * Photos
             * @description `photo_id` is null in all of them
             */
            photos: components["schemas"]["PhotoReport"][];
            /**
             * Min Photos
             * @description Usable photos that a new user needs
             */
            min_photos: number;
            /** @description A registration would be refused, because the face is this user's; null if not, or if no photo is usable */
            duplicate_of: components["schemas"]["Candidate"] | null;
            /**
             * Near Users
             * @description Up to five users who may be mistaken for this person
             */
            near_users: components["schemas"]["Candidate"][];
        };
        /** ReviewPhotosForm */
        ReviewPhotosForm: {
            /**
             * Photos
             * @description JPEG, PNG, WebP, HEIC, AVIF, TIFF, JPEG 2000, GIF or BMP
             */
            photos: Blob[];
            /**
             * Detect
             * @description false: the photos are already aligned face crops
             * @default true
             */
            detect?: boolean;
            /** @description Of several faces of similar size, `largest` is taken; with `only` the photo is not used. Default: the person in the other photos. Faces three times smaller than the largest never count */
            face?: components["schemas"]["FaceRule"] | null;
            /**
             * Box
             * @description Where the face is in a photo, such as `{"photo": 0, "x": 10, "y": 20, "width": 80, "height": 90}`; faces outside do not count. At most one per photo
             * @default []
             */
            box?: string[];
        };
        /** ReviewPhotosJson */
        ReviewPhotosJson: {
            /**
             * Photos
             * @description JPEG, PNG, WebP, HEIC, AVIF, TIFF, JPEG 2000, GIF or BMP
             */
            photos: string[];
            /**
             * Detect
             * @description false: the photos are already aligned face crops
             * @default true
             */
            detect?: boolean;
            /** @description Of several faces of similar size, `largest` is taken; with `only` the photo is not used. Default: the person in the other photos. Faces three times smaller than the largest never count */
            face?: components["schemas"]["FaceRule"] | null;
            /**
             * Box
             * @description Where the face is in a photo, such as `{"photo": 0, "x": 10, "y": 20, "width": 80, "height": 90}`; faces outside do not count. At most one per photo
             * @default []
             */
            box?: components["schemas"]["PhotoBox"][];
        };
        /**
         * Scope
         * @description What a key may be used for.
         * @enum {string}
         */
        Scope: "enroll" | "identify" | "embed" | "admin";
        /**
         * SearchedPhoto
         * @description A photo of the request, and how it was searched; figures are null if it was not.
         */
        SearchedPhoto: {
            /**
             * Width Px
             * @description Of the photo that boxes and landmarks refer to
             */
            width_px: number | null;
            /** Height Px */
            height_px: number | null;
            /**
             * Rotation Deg
             * @description Turn the photo clockwise by this and its faces are upright. Boxes and landmarks refer to the photo as it is, not turned
             */
            rotation_deg: (0 | 90 | 180 | 270) | null;
            /**
             * Searched From Px
             * @description The smallest face_px looked for; null with detect=false
             */
            searched_from_px: number | null;
            /**
             * Faces Found
             * @description Including those before skip_faces and beyond max_faces; 400 at most
             */
            faces_found: number | null;
            /** Warnings */
            warnings: components["schemas"]["PhotoWarning"][];
            /** @description Why it was not searched; the faces are those of the other photos */
            error: components["schemas"]["PhotoError"] | null;
        };
        /**
         * Serving
         * @description What serves from now on.
         */
        Serving: {
            /** Bundle */
            bundle: string;
            /** Space */
            space: string;
        };
        /** ShowFacesForm */
        ShowFacesForm: {
            /**
             * Photo
             * Format: binary
             */
            photo: Blob;
            /**
             * Max Faces
             * @description At most this many
             * @default 1
             */
            max_faces?: number;
            /**
             * Skip Faces
             * @description Skip this many larger ones, such as those of earlier pages; up to faces_found
             * @default 0
             */
            skip_faces?: number;
            /**
             * Detect
             * @description false: the photos are already aligned face crops
             * @default true
             */
            detect?: boolean;
            /**
             * Min Face Px
             * @description The smallest face_px to look for. Default: a setting (16), raised for large photos, see searched_from_px. A value given here is kept, or refused for photos too large for it
             */
            min_face_px?: number | null;
        };
        /** ShowFacesJson */
        ShowFacesJson: {
            /** Photo */
            photo: string;
            /**
             * Max Faces
             * @description At most this many
             * @default 1
             */
            max_faces?: number;
            /**
             * Skip Faces
             * @description Skip this many larger ones, such as those of earlier pages; up to faces_found
             * @default 0
             */
            skip_faces?: number;
            /**
             * Detect
             * @description false: the photos are already aligned face crops
             * @default true
             */
            detect?: boolean;
            /**
             * Min Face Px
             * @description The smallest face_px to look for. Default: a setting (16), raised for large photos, see searched_from_px. A value given here is kept, or refused for photos too large for it
             */
            min_face_px?: number | null;
        };
        /**
         * SizeMetrics
         * @description Held-out figures of a bundle for faces of one size; fractions.
         */
        SizeMetrics: {
            /** Size */
            size: string;
            /** N Genuine */
            n_genuine: number;
            /** N Impostor */
            n_impostor: number;
            /** Eer */
            eer: number;
            /** Tar At Far */
            tar_at_far: {
                [key: string]: number;
            };
            /** Rank1 */
            rank1: number;
            /** Impostor Mean */
            impostor_mean: number;
            /** Impostor Std */
            impostor_std: number;
        };
        /**
         * State
         * @description The state of a job.
         * @enum {string}
         */
        State: "running" | "succeeded" | "failed";
        /**
         * Status
         * @description All is well.
         */
        Status: {
            /**
             * Status
             * @default ok
             * @constant
             */
            status?: "ok";
        };
        /**
         * Step
         * @description What a reload does, one after the other.
         * @enum {string}
         */
        Step: "verify" | "load" | "warm_up" | "self_test" | "gate" | "re_embed" | "switch";
        /**
         * Threshold
         * @description From which similarity on a face of some size is somebody's.
         */
        Threshold: {
            /** Min Face Px */
            min_face_px: number;
            /**
             * Max Face Px
             * @description Not included; null for no end
             */
            max_face_px: number | null;
            /**
             * Similarity
             * @description For a usual face. Where the bundle knows strangers, one that resembles them needs more, and each answer has its own threshold
             */
            similarity: number;
            /**
             * False Accept Rate
             * @description Share of comparisons with strangers that reach it, on the people whom it was chosen on; null where it is a setting
             */
            false_accept_rate: number | null;
            /**
             * Strangers Named
             * @description Share of strangers taken for one of the users here: 1 - (1 - rate)^users
             */
            strangers_named: number | null;
        };
        /**
         * ThresholdList
         * @description The thresholds in use, smallest faces first.
         */
        ThresholdList: {
            /** Bundle */
            bundle: string;
            /** Space */
            space: string;
            /**
             * Users
             * @description In the gallery of the process that answers
             */
            users: number;
            /** Items */
            items: components["schemas"]["Threshold"][];
            /**
             * Next Cursor
             * @description Always null: there is one page
             */
            next_cursor: string | null;
        };
        /**
         * Thumbnail
         * @description The largest stored face of a user.
         */
        Thumbnail: {
            /** User Id */
            user_id: string;
            /**
             * Crop
             * @description PNG in base64, 112 x 112 px, aligned; null if none is kept, or the key does not know such a user
             */
            crop: string | null;
        };
        /**
         * Thumbnails
         * @description The largest stored faces of some users.
         */
        Thumbnails: {
            /**
             * Items
             * @description In the request's order
             */
            items: components["schemas"]["Thumbnail"][];
        };
        /**
         * User
         * @description A user without photos.
         */
        User: {
            /** User Id */
            user_id: string;
            /** Display Name */
            display_name: string | null;
            /** Metadata */
            metadata: {
                [key: string]: boolean | number | string | null;
            };
            /** Photo Count */
            photo_count: number;
            /** Groups */
            groups: string[];
            /**
             * Created At
             * Format: date-time
             */
            created_at: string;
            /**
             * Updated At
             * Format: date-time
             */
            updated_at: string;
        };
        /**
         * UserChanges
         * @description What to change; absent fields stay, `metadata` and `groups` are replaced as a whole.
         */
        UserChanges: {
            /** Display Name */
            display_name?: string | null;
            /**
             * Metadata
             * @description The client's own notes, one level deep
             * @default {}
             */
            metadata?: {
                [key: string]: boolean | (number) | string | null;
            };
            /**
             * Groups
             * @description Names of groups: 1 to 64 letters, digits, `.`, `_`, `@`, `-` each
             * @default []
             */
            groups?: string[];
        };
        /**
         * UserDetail
         * @description A user and their photos, oldest first.
         */
        UserDetail: {
            user: components["schemas"]["User"];
            /** Photos */
            photos: components["schemas"]["Photo"][];
        };
        /**
         * UserPage
         * @description One page of users.
         */
        UserPage: {
            /** Items */
            items: components["schemas"]["User"][];
            /**
             * Next Cursor
             * @description For the next page; null on the last one
             */
            next_cursor: string | null;
            /**
             * Total
             * @description Users found, on all pages
             */
            total: number;
        };
        /**
         * Verification
         * @description Whether two faces are one person's.
         */
        Verification: {
            /** Match */
            match: boolean;
            /** Similarity */
            similarity: number;
            /** Threshold */
            threshold: number;
            /**
             * Faces
             * @description The largest of each photo
             */
            faces: components["schemas"]["Face"][];
            /**
             * Photos
             * @description In the order in which they are named
             */
            photos: components["schemas"]["SearchedPhoto"][];
            /** Bundle */
            bundle: string;
            /** Space */
            space: string;
            /** Timings Ms */
            timings_ms: {
                [key: string]: number;
            };
        };
        /** VerifyForm */
        VerifyForm: {
            /**
             * Photo
             * Format: binary
             */
            photo: Blob;
            /** User Id */
            user_id?: string | null;
            /**
             * Photo Id
             * @description Of a stored photo
             */
            photo_id?: string | null;
            /** Other Photo */
            other_photo?: Blob | null;
            /** Threshold */
            threshold?: number | null;
        };
        /** VerifyJson */
        VerifyJson: {
            /** Photo */
            photo: string;
            /** User Id */
            user_id?: string | null;
            /**
             * Photo Id
             * @description Of a stored photo
             */
            photo_id?: string | null;
            /** Other Photo */
            other_photo?: string | null;
            /** Threshold */
            threshold?: number | null;
        };
        /**
         * Version
         * @description What is running in the process that answers; the rest is null without a key.
         */
        Version: {
            /** Version */
            version: string;
            /** Bundle */
            bundle?: string | null;
            /** Space */
            space?: string | null;
            /** Gallery Revision */
            gallery_revision?: number | null;
            /** @description The key that was sent */
            key?: components["schemas"]["KeyRights"] | null;
        };
        /**
         * Visit
         * @description Somebody in consecutive frames, from the first to the last.
         */
        Visit: {
            /**
             * Track
             * @description The visit's number
             */
            track: number;
            /**
             * At S
             * @description When; of `left`, when the face was last seen
             */
            at_s: number;
            /**
             * Since S
             * @description When the face was first seen
             */
            since_s: number;
            /**
             * User Id
             * @description null for a stranger, and before this is decided
             */
            user_id: string | null;
            /**
             * Similarity
             * @description Cosine to the most similar user
             */
            similarity: number | null;
            /**
             * Margin
             * @description How much lower the runner-up's similarity is
             */
            margin: number | null;
            /**
             * Threshold
             * @description Minimum similarity at which user_id is set
             */
            threshold: number | null;
            /** @description Where the face was last seen */
            box: components["schemas"]["Box"];
            /**
             * Face Px
             * @description The largest so far
             */
            face_px: number;
            /**
             * Moved
             * @description How far the face has been from where it was first seen, in its widths; a picture on a wall stays near 0
             */
            moved: number;
            /** Frames Seen */
            frames_seen: number;
            /**
             * Frames Pooled
             * @description The best frames, which the answer is about
             */
            frames_pooled: number;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    list_users: {
        parameters: {
            query?: {
                /** @description `next_cursor` of the previous page; absent for the first page */
                cursor?: string | null;
                /** @description Maximum number of items */
                limit?: number;
                /** @description Text to find in user_id, display_name or metadata */
                search?: string | null;
                /** @description Only users who are in one of these */
                groups?: string[];
                /** @description By registration, oldest or newest first, or by user_id */
                order?: components["schemas"]["Order"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserPage"];
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    register_user: {
        parameters: {
            query?: never;
            header?: {
                /** @description A repeated request with the same key gets the first answer again; after the erasure of the user, 409 `person_erased` */
                "idempotency-key"?: string | null;
                /** @description Returned in the answer and written to the log: 64 letters, digits, `.`, `_`, `-` at most, else it is replaced */
                "X-Request-ID"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "multipart/form-data": components["schemas"]["RegisterUserForm"];
                "image/*": Blob;
                "application/json": components["schemas"]["RegisterUserJson"];
            };
        };
        responses: {
            /** @description Successful Response */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Registration"];
                };
            };
            /** @description The request cannot be read */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body came too slowly */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Conflicts with what is stored */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body or a photo is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The Content-Type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not done in time */
            504: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_user: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Chosen by the client: 1 to 64 letters, digits, `.`, `_`, `@`, `-` */
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserDetail"];
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    put_user: {
        parameters: {
            query?: never;
            header?: {
                /** @description Returned in the answer and written to the log: 64 letters, digits, `.`, `_`, `-` at most, else it is replaced */
                "X-Request-ID"?: string;
            };
            path: {
                /** @description Chosen by the client: 1 to 64 letters, digits, `.`, `_`, `@`, `-` */
                user_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "multipart/form-data": components["schemas"]["PutUserForm"];
                "image/*": Blob;
                "application/json": components["schemas"]["PutUserJson"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Registration"];
                };
            };
            /** @description There was no user with this id */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Registration"];
                };
            };
            /** @description The request cannot be read */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body came too slowly */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Conflicts with what is stored */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body or a photo is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The Content-Type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not done in time */
            504: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    erase_user: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Chosen by the client: 1 to 64 letters, digits, `.`, `_`, `@`, `-` */
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Erased, but still on the disk while somebody reads an older state; the service tries again until it is gone */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Erasure"];
                };
            };
            /** @description Successful Response */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The disk is full, read-only or failing; nothing was written */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    change_user: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Chosen by the client: 1 to 64 letters, digits, `.`, `_`, `@`, `-` */
                user_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UserChanges"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserDetail"];
                };
            };
            /** @description The request cannot be read */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body came too slowly */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body or a photo is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The Content-Type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    show_likeness: {
        parameters: {
            query?: {
                /** @description Compare with this user alone */
                other?: string | null;
            };
            header?: never;
            path: {
                /** @description Chosen by the client: 1 to 64 letters, digits, `.`, `_`, `@`, `-` */
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Likeness"];
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    merge_users: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Chosen by the client: 1 to 64 letters, digits, `.`, `_`, `@`, `-` */
                user_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Merge"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserDetail"];
                };
            };
            /** @description The request cannot be read */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body came too slowly */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body or a photo is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The Content-Type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The disk is full, read-only or failing; nothing was written */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    show_erasure: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Chosen by the client: 1 to 64 letters, digits, `.`, `_`, `@`, `-` */
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Erasure"];
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    add_photos: {
        parameters: {
            query?: never;
            header?: {
                /** @description Returned in the answer and written to the log: 64 letters, digits, `.`, `_`, `-` at most, else it is replaced */
                "X-Request-ID"?: string;
            };
            path: {
                /** @description Chosen by the client: 1 to 64 letters, digits, `.`, `_`, `@`, `-` */
                user_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "multipart/form-data": components["schemas"]["AddPhotosForm"];
                "image/*": Blob;
                "application/json": components["schemas"]["AddPhotosJson"];
            };
        };
        responses: {
            /** @description Successful Response */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Registration"];
                };
            };
            /** @description The request cannot be read */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body came too slowly */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body or a photo is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The Content-Type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not done in time */
            504: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    delete_photo: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                photo_id: string;
                /** @description Chosen by the client: 1 to 64 letters, digits, `.`, `_`, `@`, `-` */
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Erased, but still on the disk while somebody reads an older state; the service tries again until it is gone */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Erasure"];
                };
            };
            /** @description Successful Response */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Conflicts with what is stored */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The disk is full, read-only or failing; nothing was written */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    move_photo: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                photo_id: string;
                /** @description Chosen by the client: 1 to 64 letters, digits, `.`, `_`, `@`, `-` */
                user_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Move"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PhotoMove"];
                };
            };
            /** @description The request cannot be read */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body came too slowly */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Conflicts with what is stored */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body or a photo is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The Content-Type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The disk is full, read-only or failing; nothing was written */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    show_crop: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                photo_id: string;
                /** @description Chosen by the client: 1 to 64 letters, digits, `.`, `_`, `@`, `-` */
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description 112 x 112 px, aligned */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "image/png": Blob;
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The disk is full, read-only or failing; nothing was written */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    show_thumbnail: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Chosen by the client: 1 to 64 letters, digits, `.`, `_`, `@`, `-` */
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description 112 x 112 px, aligned */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "image/png": Blob;
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The disk is full, read-only or failing; nothing was written */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    identify: {
        parameters: {
            query?: never;
            header?: {
                /** @description Returned in the answer and written to the log: 64 letters, digits, `.`, `_`, `-` at most, else it is replaced */
                "X-Request-ID"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "multipart/form-data": components["schemas"]["IdentifyForm"];
                "image/*": Blob;
                "application/json": components["schemas"]["IdentifyJson"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    /** @description With PostgreSQL: seconds since the service last saw the database. More than a few: it is out of reach, and the answer comes from memory, without what was registered and erased since */
                    "Farsight-Gallery-Age-S"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Identification"];
                };
            };
            /** @description The request cannot be read */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body came too slowly */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body or a photo is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The Content-Type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not done in time */
            504: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    identify_clip: {
        parameters: {
            query?: never;
            header?: {
                /** @description Returned in the answer and written to the log: 64 letters, digits, `.`, `_`, `-` at most, else it is replaced */
                "X-Request-ID"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "multipart/form-data": components["schemas"]["IdentifyClipForm"];
                "image/*": Blob;
                "application/json": components["schemas"]["IdentifyClipJson"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    /** @description With PostgreSQL: seconds since the service last saw the database. More than a few: it is out of reach, and the answer comes from memory, without what was registered and erased since */
                    "Farsight-Gallery-Age-S"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Clip"];
                };
            };
            /** @description The request cannot be read */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body came too slowly */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body or a photo is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The Content-Type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not done in time */
            504: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    verify: {
        parameters: {
            query?: never;
            header?: {
                /** @description Returned in the answer and written to the log: 64 letters, digits, `.`, `_`, `-` at most, else it is replaced */
                "X-Request-ID"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "multipart/form-data": components["schemas"]["VerifyForm"];
                "image/*": Blob;
                "application/json": components["schemas"]["VerifyJson"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    /** @description With PostgreSQL: seconds since the service last saw the database. More than a few: it is out of reach, and the answer comes from memory, without what was registered and erased since */
                    "Farsight-Gallery-Age-S"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Verification"];
                };
            };
            /** @description The request cannot be read */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body came too slowly */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body or a photo is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The Content-Type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not done in time */
            504: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_kept_faces: {
        parameters: {
            query?: {
                /** @description `next_cursor` of the previous page; absent for the first page */
                cursor?: string | null;
                /** @description Maximum number of items */
                limit?: number;
                /** @description Only those that are somebody's, or only those of strangers */
                answer?: components["schemas"]["Answered"] | null;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KeptFacePage"];
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_clusters: {
        parameters: {
            query?: {
                /** @description Maximum number of clusters */
                limit?: number;
                /** @description Maximum number of faces of each */
                max_faces?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ClusterList"];
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    show_kept_face: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                face_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description 112 x 112 px, aligned */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "image/png": Blob;
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The disk is full, read-only or failing; nothing was written */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    assign_faces: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AssignmentRequest"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Assignment"];
                };
            };
            /** @description The request cannot be read */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body came too slowly */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Conflicts with what is stored */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body or a photo is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The Content-Type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not done in time */
            504: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The disk is full, read-only or failing; nothing was written */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    dismiss_faces: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DismissalRequest"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Dismissal"];
                };
            };
            /** @description The request cannot be read */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body came too slowly */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body or a photo is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The Content-Type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The disk is full, read-only or failing; nothing was written */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    find_faces: {
        parameters: {
            query?: never;
            header?: {
                /** @description Returned in the answer and written to the log: 64 letters, digits, `.`, `_`, `-` at most, else it is replaced */
                "X-Request-ID"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "multipart/form-data": components["schemas"]["FindFacesForm"];
                "image/*": Blob;
                "application/json": components["schemas"]["FindFacesJson"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Faces"];
                };
            };
            /** @description The request cannot be read */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body came too slowly */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body or a photo is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The Content-Type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not done in time */
            504: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    show_faces: {
        parameters: {
            query?: never;
            header?: {
                /** @description Returned in the answer and written to the log: 64 letters, digits, `.`, `_`, `-` at most, else it is replaced */
                "X-Request-ID"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "multipart/form-data": components["schemas"]["ShowFacesForm"];
                "image/*": Blob;
                "application/json": components["schemas"]["ShowFacesJson"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Pictures"];
                };
            };
            /** @description The request cannot be read */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body came too slowly */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body or a photo is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The Content-Type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not done in time */
            504: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    embed_faces: {
        parameters: {
            query?: never;
            header?: {
                /** @description Returned in the answer and written to the log: 64 letters, digits, `.`, `_`, `-` at most, else it is replaced */
                "X-Request-ID"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "multipart/form-data": components["schemas"]["EmbedFacesForm"];
                "image/*": Blob;
                "application/json": components["schemas"]["EmbedFacesJson"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Embeddings"];
                };
            };
            /** @description The request cannot be read */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body came too slowly */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body or a photo is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The Content-Type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not done in time */
            504: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    export_gallery_file: {
        parameters: {
            query?: {
                /** @description true: include crops, so that it can be moved to another space */
                crops?: boolean;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A gallery file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": Blob;
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The disk is full, read-only or failing; nothing was written */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    import_gallery_file: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "multipart/form-data": components["schemas"]["ImportGalleryFileForm"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GalleryImport"];
                };
            };
            /** @description The request cannot be read */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body came too slowly */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Conflicts with what is stored */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body or a photo is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The Content-Type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The disk is full, read-only or failing; nothing was written */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_bundles: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BundleList"];
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_thresholds: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ThresholdList"];
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    reload: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Reload"];
            };
        };
        responses: {
            /** @description Successful Response */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            /** @description The request cannot be read */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body came too slowly */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Conflicts with what is stored */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body or a photo is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The Content-Type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The disk is full, read-only or failing; nothing was written */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    roll_back: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Serving"];
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Conflicts with what is stored */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The disk is full, read-only or failing; nothing was written */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_jobs: {
        parameters: {
            query?: {
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobList"];
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    show_job: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    watch_job: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": {
                        /** @constant */
                        event: "job";
                        data: string;
                    };
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_keys: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KeyList"];
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create_key: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewKey"];
            };
        };
        responses: {
            /** @description Successful Response */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedKey"];
                };
            };
            /** @description The request cannot be read */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body came too slowly */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body or a photo is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The Content-Type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The disk is full, read-only or failing; nothing was written */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    revoke_key: {
        parameters: {
            query?: {
                /** @description Even if no other key has the scope admin */
                even_last?: boolean;
            };
            header?: never;
            path: {
                key_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Conflicts with what is stored */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The disk is full, read-only or failing; nothing was written */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_events: {
        parameters: {
            query?: {
                /** @description `next_cursor` of the previous page; absent for the first page */
                cursor?: string | null;
                /** @description Maximum number of items */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EventPage"];
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    live: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Status"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    ready: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    /** @description With PostgreSQL: seconds since the service last saw the database. More than a few: it is out of reach, and the answer comes from memory, without what was registered and erased since */
                    "Farsight-Gallery-Age-S"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Status"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    show_health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    /** @description With PostgreSQL: seconds since the service last saw the database. More than a few: it is out of reach, and the answer comes from memory, without what was registered and erased since */
                    "Farsight-Gallery-Age-S"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Status"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    show_version: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Version"];
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    review_photos: {
        parameters: {
            query?: never;
            header?: {
                /** @description Returned in the answer and written to the log: 64 letters, digits, `.`, `_`, `-` at most, else it is replaced */
                "X-Request-ID"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "multipart/form-data": components["schemas"]["ReviewPhotosForm"];
                "image/*": Blob;
                "application/json": components["schemas"]["ReviewPhotosJson"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Review"];
                };
            };
            /** @description The request cannot be read */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body came too slowly */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body or a photo is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The Content-Type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not done in time */
            504: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_thumbnails: {
        parameters: {
            query: {
                /** @description Whose; several times */
                user_id: string[];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Thumbnails"];
                };
            };
            /** @description No key, or an unknown one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The key lacks the scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field is not valid, or photos are not usable */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Rate limit exceeded; Retry-After says when to retry */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large; the connection is closed */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Busy or not ready; Retry-After says when to retry */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The disk is full, read-only or failing; nothing was written */
            507: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
}
