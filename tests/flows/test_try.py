import os, time, pytest
from tests.flows.rheintal import deliver
def test_it(prefect_server, tmp_path, monkeypatch):
    portfolio = deliver(tmp_path/"data")
    monkeypatch.setenv("CREDITNET_HOME", str(tmp_path/"home"))
    from tasks.settings import prepare_environment, settings
    prepare_environment(settings())
    from flows.quarterly_refresh import quarterly_refresh
    for q in ("2024Q2","2024Q3","2024Q3"):
        t=time.time()
        out = quarterly_refresh(str(portfolio), q, str(tmp_path/"data"))
        print(q, out.already_published, out.refresh.verdict, time.time()-t)
    t=time.time()
    monkeypatch.setenv("CREDITNET_HOME", str(tmp_path/"home2"))
    prepare_environment(settings())
    out = quarterly_refresh(str(portfolio), "2024Q2", str(tmp_path/"data"))
    print(time.time()-t)
    os.system(f"ls -R {os.environ['PREFECT_HOME']} | head; ls -R {prefect_server.environment['PREFECT_HOME']} | head")
