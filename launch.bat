@echo off
rem Starts Drovers in the Windows Subsystem for Linux. Open the link that it prints in your browser.
rem Untested on Windows.
where wsl.exe >nul 2>nul
if errorlevel 1 (
  echo Drovers runs in the Windows Subsystem for Linux, which is not installed. Run: wsl --install
  exit /b 1
)
wsl.exe --cd "%~dp0." -- sh ./launch.sh %*
exit /b %errorlevel%
