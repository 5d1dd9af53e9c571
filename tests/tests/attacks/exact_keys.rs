//! Keys keep their exact value, whatever the settings of the session.
