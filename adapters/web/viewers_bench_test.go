package web_test

import (
	"bufio"
	"fmt"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/web"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// BenchmarkViewers measures the time from writing an event of a run of 2,000 commands until all
// viewers have it, as rows or as parts of the page, and the memory of a viewer.
func BenchmarkViewers(b *testing.B) {
	for _, of := range []struct {
		viewers int
		query   string
	}{{1, ""}, {100, ""}, {1, "?html=1"}, {100, "?html=1"}} {
		viewers := of.viewers
		b.Run(fmt.Sprintf("viewers=%d%s", viewers, of.query), func(b *testing.B) {
			db := memory.Of(set)
			server := web.New(web.Options{Store: db})
			defer server.Close()
			page := httptest.NewServer(server)
			defer page.Close()
			s := &site{t: b, db: db, server: server, projector: telling(db, server), data: map[domain.RunID][]byte{}}
			defer s.projector.Close(b.Context())
			events := []domain.Event{domain.NewJobStarted(0, "a")}
			for i := range int64(2000) {
				events = append(events, domain.NewShStarted(i, "a", "go test ./..."), domain.NewShFinished(i+1, "a", 0))
			}
			s.add("run", events...)
			before := heap()
			seen := make(chan int64, viewers)
			for range viewers {
				answer, err := page.Client().Get(page.URL + "/runs/run/events" + of.query)
				require.NoError(b, err)
				defer answer.Body.Close()
				go func() {
					for lines := bufio.NewReader(answer.Body); ; {
						line, err := lines.ReadString('\n')
						if err != nil {
							return
						}
						if id, ok := strings.CutPrefix(line, "id: "); ok {
							seen <- must(strconv.ParseInt(strings.TrimSpace(id), 10, 64))
						}
					}
				}()
			}
			all := func() {
				for have := 0; have < viewers; {
					if <-seen == int64(len(s.data["run"])) {
						have++
					}
				}
			}
			all()
			more := float64(heap()-before) / float64(viewers)
			b.ResetTimer()
			for i := range b.N {
				b.StopTimer()
				time.Sleep(30 * time.Millisecond) // viewers are idle for longer than a hub waits before it sends changes
				b.StartTimer()
				s.add("run", domain.NewShStarted(int64(3000+i), "a", "make"))
				all()
			}
			b.StopTimer()
			b.ReportMetric(more, "B/viewer")
		})
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
