// Package alert tells webhooks of the events that AuditAlert objects ask for, grouped and at a bounded rate.
package alert
