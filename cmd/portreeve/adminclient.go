package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// tokenFileVariable names a file with a token where no flag does.
const tokenFileVariable = "PORTREEVE_ADMIN_TOKEN_FILE"

const (
	// maxAdminAnswer bounds what is read of an answer of a control plane, maxAdminFile each file of the client.
	maxAdminAnswer = 1 << 30
	maxAdminFile   = 1 << 20
	maxToken       = 8 << 10
)

// adminClient asks a control plane for pages of its admin interface.
type adminClient struct {
	// address is HOST:PORT, with or without https:// or http://.
	address string
	// Files: of authorities to trust, of the token, of the certificate and its key.
	authorities, token, certificate, key string
}

// register registers how the control plane is called. The address is the verb's.
func (a *adminClient) register(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&a.authorities, "admin-ca-file", "", "PEM file with the certificate authorities of the admin interface, in place of the system's: it is called over TLS then.")
	f.StringVar(&a.token, "admin-token-file", "", "File with the bearer token for the admin interface (portreeve admin-token makes it); "+tokenFileVariable+" names it too.")
	f.StringVar(&a.certificate, "admin-cert", "", "PEM file with the certificate to show to the admin interface.")
	f.StringVar(&a.key, "admin-key", "", "PEM file with the key of --admin-cert.")
	for _, file := range []string{"admin-ca-file", "admin-cert", "admin-key"} {
		takes(c, file, aPEMFile())
	}
	takes(c, "admin-token-file", aFile())
}

// ask asks for a page, and waits for it no longer than patience.
func (a *adminClient) ask(ctx context.Context, page string, patience time.Duration, into any) error {
	url, token, err := a.resolve(os.Getenv(tokenFileVariable))
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+page, http.NoBody)
	if err != nil {
		return err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	transport, err := a.transport()
	if err != nil {
		return err
	}
	defer transport.CloseIdleConnections()
	// A redirect could carry the token elsewhere; the admin interface has none.
	client := &http.Client{Timeout: patience, Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("ask the control plane: %w%s", err, a.hint(err))
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return refusal(response)
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAdminAnswer)).Decode(into); err != nil {
		return fmt.Errorf("read what the control plane answered: %w", err)
	}
	return nil
}

// refusal is the error of an answer that is no page.
func refusal(response *http.Response) error {
	const most = 400
	reason, _ := io.ReadAll(io.LimitReader(response.Body, most))
	if response.TLS == nil && response.StatusCode == http.StatusBadRequest && bytes.Contains(reason, []byte("HTTPS server")) {
		return errors.New("ask the control plane: it speaks TLS there: give --admin-ca-file, with --admin-token-file or --admin-cert, or ask https://HOST:PORT")
	}
	return fmt.Errorf("ask the control plane: it answered %s: %s", response.Status, bytes.TrimSpace(reason))
}

// hint says what to do about a connection that did not come to be, where one of the flags can do it.
func (a *adminClient) hint(err error) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	switch {
	case errors.As(err, &unknown) && a.authorities == "":
		return " (--admin-ca-file names a file with its authority)"
	case errors.As(err, &unknown):
		return " (the authority is none of --admin-ca-file)"
	case errors.As(err, &name):
		return " (ask by a name that the certificate has)"
	case errors.Is(err, syscall.ECONNREFUSED):
		return " (nobody listens there: portreeve serve is not running, or not yet, or --admin-address is another)"
	default:
		return ""
	}
}

// resolve says where to ask, and with which token. Over plain text no token is sent: on loopback none is needed, and to
// another machine that is an error.
func (a *adminClient) resolve(variable string) (url, token string, err error) {
	file := cmp.Or(a.token, variable)
	scheme, host, given := strings.Cut(a.address, "://")
	if !given {
		host, scheme = a.address, "http"
		if a.authorities+a.certificate+a.token != "" || file != "" && !onLoopback(host) {
			scheme = "https"
		}
	}
	switch {
	case scheme != "http" && scheme != "https" || strings.ContainsAny(host, "/@?#"):
		return "", "", fmt.Errorf("%q is no admin address: want HOST:PORT, https://HOST:PORT or http://HOST:PORT", a.address)
	case (a.certificate == "") != (a.key == ""):
		return "", "", errors.New("--admin-cert and --admin-key belong together")
	case scheme == "http" && (a.authorities+a.certificate+a.token != "" || file != "" && !onLoopback(host)):
		return "", "", errors.New("a token or a certificate is not shown over plain text: ask https://HOST:PORT, or leave it out")
	case scheme == "http" || file == "":
		return scheme + "://" + host, "", nil
	}
	if token, err = readToken(file); err != nil {
		return "", "", err
	}
	return scheme + "://" + host, token, nil
}

// readToken reads the file of a token. What it says of it never has the token.
func readToken(file string) (string, error) {
	content, err := readBounded(file, maxToken)
	if err != nil {
		return "", fmt.Errorf("read the token for the admin interface: %w", err)
	}
	token := string(bytes.TrimSpace(content))
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("%s: want one token, such as portreeve admin-token prints, and nothing else", file)
	}
	return token, nil
}

func readBounded(file string, most int64) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	content, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(content)) > most {
		err = fmt.Errorf("%s has more than %d bytes", file, most)
	}
	return content, err
}

func (a *adminClient) transport() (*http.Transport, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if a.authorities != "" {
		content, err := readBounded(a.authorities, maxAdminFile)
		if err != nil {
			return nil, fmt.Errorf("read the authorities of the admin interface: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(content) {
			return nil, fmt.Errorf("%s: there is no certificate of an authority", a.authorities)
		}
	}
	if a.certificate != "" {
		pair, err := tls.LoadX509KeyPair(a.certificate, a.key)
		if err != nil {
			return nil, fmt.Errorf("read the certificate for the admin interface: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: config}, nil
}

// onLoopback reports whether an address, with or without a port, is this machine's own. A name that has to be looked up is not.
func onLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	address, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && address.Unmap().IsLoopback()
}
