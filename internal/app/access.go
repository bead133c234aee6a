package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"

	"google.golang.org/grpc/credentials"

	"github.com/portreeve/portreeve/internal/audit/origin"
	"github.com/portreeve/portreeve/internal/disk"
	"github.com/portreeve/portreeve/xds/identity"
	"github.com/portreeve/portreeve/xds/transport"
)

// access is how gateways come in, and who judges what they may be.
type access struct {
	listener    net.Listener
	transport   identity.Transport
	credentials credentials.TransportCredentials
	judge       *identity.Judge
	tls         *transport.TLS // nil is plain text
}

// openAccess checks the options and listens. Nobody is answered before the server accepts. Who abandons the start closes the listener.
func (a *App) openAccess() (err error) {
	x := a.options.XDS
	address, err := transport.ParseAddress(x.Address)
	if err != nil {
		return fmt.Errorf("--xds-address: %w", err)
	}
	if err := x.check(address); err != nil {
		return err
	}
	rights, err := transport.ParseRights(x.SocketMode, x.SocketOwner, x.SocketGroup)
	if err != nil {
		return err
	}
	domains, err := x.trustDomains()
	if err != nil {
		return err
	}
	// A file of mappings is never without one: as long as it is not known, nobody is what he claims.
	require := x.Require || a.options.Settings.GatewaysFile != ""
	a.access.judge = identity.NewJudge(identity.Options{TrustDomains: domains, Require: require, Now: a.now})
	if x.secure() {
		if err := a.readTLS(); err != nil {
			return err
		}
	}
	if a.access.listener, err = transport.Listen(context.Background(), address, rights); err != nil {
		return err
	}
	return a.choose()
}

// choose settles how connections are spoken to, by the address that is really listened on. It fails
// closed: plain text that leaves this machine has to be asked for.
func (a *App) choose() error {
	if a.access.tls != nil {
		a.access.transport, a.access.credentials = identity.TLS, a.access.tls.Credentials()
		return nil
	}
	a.access.transport = transport.Of(a.access.listener.Addr())
	if a.access.transport == identity.Plain && !a.options.XDS.Plaintext {
		return fmt.Errorf("--xds-address %s: other machines may reach it, and in plain text whoever does can have the policy and the private keys in it: "+
			"give --xds-tls-cert, --xds-tls-key and --xds-client-ca (portreeve ca init makes them), an address of 127.0.0.0/8 or [::1], or unix:///PATH; "+
			"--xds-plaintext serves all the same what holds no keys", a.options.XDS.Address)
	}
	a.access.credentials = transport.WithoutTLS(a.access.transport)
	return nil
}

func (a *App) readTLS() (err error) {
	o := a.options
	a.access.tls, err = transport.NewTLS(transport.Options{
		// A disk of its own: that of the policy may have too many calls that do not come back.
		Files: o.XDS.TLS, Read: reading(disk.New(disk.Options{})), Judge: a.access.judge, Logger: o.Logger, Registerer: a.registry, Now: a.now,
		Changed: func(c transport.Change) { a.record.recorder.Record(origin.TLS(c)) },
	})
	if err != nil {
		return fmt.Errorf("TLS for gateways: %w", err)
	}
	return nil
}

// reading reads whole files: one that is being written is an error.
func reading(d *disk.Disk) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		content, err := d.Read(name, transport.MaxFile)
		if err == nil && content.Writer == disk.WriterPresent {
			err = &fs.PathError{Op: "read", Path: name, Err: errors.New("another process is writing to it")}
		}
		return content.Bytes, err
	}
}

// warnOfAccess logs, once, what an operator should know of how gateways come in.
func (a *App) warnOfAccess() {
	switch log := a.options.Logger; {
	case a.options.XDS.Require && (a.access.transport == identity.Loopback || a.access.transport == identity.Plain):
		log.Warn("no gateway can be served: --require-identity asks for a proof, and a connection of this kind can give none",
			"xds", a.XDSAddress(), "hint", "give --xds-tls-cert, --xds-tls-key and --xds-client-ca, or --xds-address unix:///PATH")
	case a.access.transport == identity.Plain:
		log.Warn("the stream to the gateways is plain text and asks for no proof: whoever reaches this address can have the policy, and whoever is on the way can change it; gateways whose configuration holds keys are refused",
			"xds", a.XDSAddress(), "hint", "take --xds-tls-cert, --xds-tls-key and --xds-client-ca in place of --xds-plaintext, or keep the address within a private network or a tunnel")
	}
}
