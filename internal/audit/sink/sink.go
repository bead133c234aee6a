// Package sink hands the record to others: webhooks, OTLP, syslog, each from a bounded spool on disk, in order and
// at least once.
package sink
