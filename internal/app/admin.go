package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"

	"github.com/portreeve/portreeve/internal/admin"
	"github.com/portreeve/portreeve/internal/admin/role"
	"github.com/portreeve/portreeve/internal/audit/origin"
	"github.com/portreeve/portreeve/internal/disk"
	"github.com/portreeve/portreeve/xds/identity"
	"github.com/portreeve/portreeve/xds/transport"
)

// Admin says who reaches the admin interface, and how.
type Admin struct {
	Address string
	// Hosts are further names by which it may be called on loopback.
	Hosts []string
	// Files are those of TLS and of roles; without those that are required there is no TLS.
	Files role.Files
	// MetricsOpen has /metrics answer everybody.
	MetricsOpen bool
}

// check returns what is wrong with the options by themselves.
func (a Admin) check() error {
	required := 0
	for _, file := range []string{a.Files.Certificate, a.Files.Key, a.Files.Roles} {
		if file != "" {
			required++
		}
	}
	switch {
	case required != 0 && required != 3:
		return errors.New("--admin-tls-cert, --admin-tls-key and --admin-roles belong together: roles are known over TLS alone (portreeve admin-token makes a line of the file)")
	case required == 0 && a.Files.Clients+a.Files.Issuer != "":
		return errors.New("--admin-client-ca and --admin-oidc-ca-file say who calls: they need --admin-tls-cert, --admin-tls-key and --admin-roles")
	default:
		return nil
	}
}

// openAdmin checks the options, reads the files and listens.
func (a *App) openAdmin() (err error) {
	o := a.options.Admin
	if err := o.check(); err != nil {
		return err
	}
	if o.Files.Certificate != "" {
		a.admin.guard, err = role.New(role.Options{
			Files: o.Files, Read: readingRoles(disk.New(disk.Options{})), Logger: a.options.Logger, Registerer: a.registry, Now: a.now,
			Changed: func(c role.Change) { a.record.recorder.Record(origin.Admin(c)) },
		})
		if err != nil {
			return fmt.Errorf("admin interface: %w", err)
		}
	}
	if a.admin.listener, err = net.Listen("tcp", o.Address); err != nil {
		return fmt.Errorf("listen for admin: %w", err)
	}
	return nil
}

// readingRoles reads whole files: one that is being written is an error.
func readingRoles(d *disk.Disk) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		content, err := d.Read(name, role.MaxFile)
		if err == nil && content.Writer == disk.WriterPresent {
			err = &fs.PathError{Op: "read", Path: name, Err: errors.New("another process is writing to it")}
		}
		return content.Bytes, err
	}
}

// adminAccess is where the admin interface is called, and who says by whom.
type adminAccess struct {
	listener net.Listener
	guard    *role.Guard // nil is plain text
}

// serveAdmin answers on the admin interface.
func (a *App) serveAdmin(ctx context.Context) error {
	o := admin.Options{
		Policy: a.reloader, Gateways: a.acks, Keys: a.keys, Metrics: a.registry, Registerer: a.registry,
		// A name that it is told to listen on is its own too.
		Hosts: append(admin.Hosts{a.options.Admin.Address}, a.options.Admin.Hosts...), MetricsOpen: a.options.Admin.MetricsOpen, Refused: func(r admin.Refusal) { a.record.recorder.Record(origin.AdminRefused(r)) }, Now: a.now,
	}
	listener := a.admin.listener
	if a.admin.guard != nil {
		o.Guard, listener = a.admin.guard, tls.NewListener(listener, a.admin.guard.TLS())
	}
	return admin.Serve(ctx, listener, admin.Handler(o), a.options.Logger)
}

// warnOfAdmin logs, once, what other machines are not answered.
func (a *App) warnOfAdmin() {
	if a.admin.guard == nil && transport.Of(a.admin.listener.Addr()) == identity.Plain {
		a.options.Logger.Warn("the admin interface is plain text: other machines are answered /healthz and /readyz without details, and nothing else", "admin", a.AdminAddress(), "metrics", a.options.Admin.MetricsOpen,
			"hint", "give --admin-tls-cert, --admin-tls-key and --admin-roles, or --metrics-open for /metrics; loopback is answered everything")
	}
}

// AdminAddress returns the address of the admin interface.
func (a *App) AdminAddress() string { return a.admin.listener.Addr().String() }
