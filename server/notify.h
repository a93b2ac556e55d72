// Tells systemd how the server is (sd_notify). Without $NOTIFY_SOCKET nothing happens.
#ifndef SS_SERVER_NOTIFY_H
#define SS_SERVER_NOTIFY_H

// The status is one line for `systemctl status`, as printf makes it; NULL: none.
void ss_notify_ready(const char *status); // started, or reloaded
void ss_notify_reloading(void);           // until ss_notify_ready
void ss_notify_stopping(const char *status);
void ss_notify_status(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
